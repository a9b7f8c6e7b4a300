"""Names that vendors give to columns, and the role of each in a bar."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

__all__ = ["PRICES", "ROLES", "affixed_roles", "normalize", "price_families", "roles_of"]

PRICES = ("open", "high", "low", "close")

_NAMES: Mapping[str, str] = {
    "date": "date datetime timestamp open_time opentime unix unix_timestamp ts ts_event "
    "window_start start_date start_time begin trade_date tradedate trading_date day dt local_time "
    "gmt_time datum fecha data traddt epoch date_time trade_time trading_day dates дата tarih "
    "tanggal ngày 日付 データ日付 날짜 일자 日期 交易日期 交易时间",
    "time": "time hora время saat 时间",
    "open": "open o px_open openprice open_price opening_price opnpric eröffn eröffnung apertura "
    "abertura ouv ouverture otwarcie откр açılış pembukaan mở opn 始値 시가 開盤價 "
    "开盘 开盘价 开盘价(元) 今开",
    "high": "high h px_high highestprice highprice high_price ceiling_price hghpric hoch máximo "
    "massimo máxima plus_haut najwyzszy najwyższy макс yüksek tertinggi cao max 高値 고가 最高價 "
    "高 最高 最高价 最高价(元)",
    "low": "low l px_low lowestprice lowprice low_price floor_price lwpric tief mínimo min "
    "minimo mínima plus_bas najnizszy najniższy мин düşük terendah thấp 安値 저가 最低價 低 "
    "最低 最低价 最低价(元)",
    "close": "close c closeprice close_price closing_price clspric close/last zuletzt schluss "
    "fechamento clôture zamkniecie zamknięcie 終値 종가 收盤價 收盘 收盘价 收盘价(元) 现价",
    "last": "last last_price lastpric px_last price_last dernier último ultimo цена şimdi terakhir "
    "lần_cuối 最新价 price",
    "adjusted": "adj_close adjclose adjusted_close adjcp adj__close close_adj closeadj "
    "adjusted_closing_price adj_close_price",
    "volume": "volume v vol px_volume tickvol tick_volume turnovervol ttltradgvol tottrdqty "
    "total_volume volume_traded total_trade_quantity shares_traded no_of_shares volumen wolumen "
    "объём hac hacim 出来高 거래량 成交股數 交易量 成交量 成交量(股) 成交量(手) 总手",
    "amount": "amount money total_turnover quote_volume quote_asset_volume quotevolume quote_av "
    "turnovervalue volume_(currency) ttltrfval tottrdval 成交额 成交金额 金额 成交额(元) "
    "成交额(百万)",
    "factor": "factor adj_factor accumadjfactor ex_cum_factor adjfactor 复权因子",
    "tradable": "tradestatus isopen is_trading tradable",
    "suspended": "paused suspended",
    "preclose": "pre_close preclose prev_close prevclose prvsclsgpric previous_close 前收盘 昨收",
    "symbol": "ts_code symbol tckrsymb ticker tic order_book_id contract instrument sid permno "
    "stock_code security secid code name stock 股票代码 证券代码 代码",
    "dividend": "dividends dividend dividend_amount ex-dividend divcash",
    "split": "stock_splits split split_ratio split_coefficient splitfactor",
}

ROLES = frozenset(_NAMES) - {"last"}
_COIN_VOLUME = re.compile(r"Volume[ _]?\(?[A-Z]{3,6}\)?")
_ROLE_OF = {name: role for role, names in _NAMES.items() for name in names.split()}
_ORDER = {name: place for names in _NAMES.values() for place, name in enumerate(names.split())}


def normalize(name: str) -> str:
    """Return a column's name in the spelling of presets: lower case, words joined by `_`."""
    text = unicodedata.normalize("NFC", name).strip().strip("\ufeff<>\"'*").strip()
    text = re.sub(r"^[0-9]{1,2}[ab]?\. ?(?=[^\W\d])", "", text).casefold()
    return re.sub(r"[\s.]+", "_", text).strip("_")


def price_families(names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the columns of each family of four prices, whose names have the same addition.

    `openMid, highMid, lowMid, closeMid` are the family `mid`. `BidOpen` and `AskOpen` belong to
    two families.
    """
    families: dict[str, dict[str, int]] = {}
    for position, name in enumerate(names):
        key = normalize(name)
        for price in PRICES:
            if key.startswith(price):
                families.setdefault(key.removeprefix(price).strip("_"), {})[price] = position
            elif key.endswith(price):
                families.setdefault(key.removesuffix(price).strip("_"), {})[price] = position
    families.pop("", None)
    return {family: places for family, places in families.items() if set(places) == set(PRICES)}


def affixed_roles(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the roles of the only family of prices, and of the columns with its addition."""
    families = price_families(names)
    if len(families) != 1:
        return {}
    family, places = next(iter(families.items()))
    roles = {role: [place] for role, place in places.items()}
    for position, name in enumerate(names):
        key = normalize(name)
        plain = key.removeprefix(f"{family}_").removesuffix(f"_{family}")
        role = _ROLE_OF.get(plain)
        if plain != key and role is not None and role not in PRICES and role != "last":
            roles.setdefault(role, []).append(position)
    return roles


def roles_of(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the positions of the columns that can have each role, the most specific name first."""
    roles: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        role = _ROLE_OF.get(normalize(name))
        if role is not None:
            roles.setdefault(role, []).append(position)
    # The last trade is the close only where no column has that name.
    last = roles.pop("last", None)
    if last is not None:
        roles.setdefault("close", last)
    for positions in roles.values():
        positions.sort(key=lambda position: _ORDER[normalize(names[position])])
    coins = [place for place, name in enumerate(names) if _COIN_VOLUME.fullmatch(name.strip())]
    if coins:
        roles.setdefault("volume", coins)
    return roles
