"""The Chinese A-share market, dated.

`codes` finds a symbol's exchange and board, `tables` has every figure with its date, certainty and
source, `ticks` computes reference prices and price limits in whole ticks, `listing` knows the first
days of new shares and the delisting period, `limits` finds the price limits of a symbol, and
`market` turns all of it into the `Terms` of a symbol.
"""
