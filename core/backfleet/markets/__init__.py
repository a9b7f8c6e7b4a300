"""The markets that come with backfleet: plugins of the group `backfleet.markets`.

A market is a set of dated tables. It gets the bars and the facts of one symbol and returns their
`Terms`, such as lots, taxes and fees, and their price limits, as arrays with one element per bar.
`cn_a` holds the rules of the Chinese A-share market with their dates and sources; `us_equity`,
`crypto` and `none` are simple. Start reading in `cn_a/market.py`; its figures are in
`cn_a/tables.py`. No engine knows any of this.
"""
