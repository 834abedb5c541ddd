"""Text that stands beside the digits of a quantity: units, currencies, and suffixes of numbers in programming
languages."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """Return the words between the spaces of a text."""
    return frozenset(text.split())


_PREFIXES = ("", *"yzafpnµμumcdhkKMGTPEZY", "da", "Ki", "Mi", "Gi", "Ti")
_PREFIXED = words("""
    m g s A K mol cd Hz N Pa J W C V F Ω S Wb T H lm lx Bq Gy Sv kat l L eV bar B bit byte cal t Wh Ah VA pc bps
    Ohm ohm
""")
_ALONE = words("""
    min mins h hr hrs hour hours d day days sec secs second seconds week weeks wk yr yrs year years month months
    ft yd mi lb lbs oz gal pt px em rem vh vw dpi rad deg sr gon atm psi mmHg Torr dB dBm dBA Np ppm ppb ppt bp bytes
    bits rpm fps mph kph kmh kt kn kts ha acre acres u Da au ly F R Å sq cu in inch inches meter meters metre metres
    percent pct Prozent Stk Std Tage Jahre м см мм км кг г с мин ч л шт
""")
CURRENCIES = words("""
    USD EUR GBP JPY CHF CNY RMB CNH INR AUD CAD NZD SEK NOK DKK ISK PLN CZK HUF RON BGN HRK RUB UAH TRY BRL MXN ARS
    CLP KRW TWD HKD SGD THB IDR MYR PHP VND ZAR EGP NGN KES ILS SAR AED QAR KWD PKR BDT LKR BTC ETH
    kr Kr kr. Kč Kc zł zl Ft lei лв лв. руб руб. р. грн Rs Rs. Fr. SFr SFr. fr. Eur Euro euro euros dollars Dollar
    pounds cents ct Ct rub TL RM Rp HK US NT NZ 元 円 圓 圆 块 원 ريال
""")
SUFFIXES = words("""
    e E d D f F q Q l L u U n m M i j I J im b B k K G T P p c w W z s S y r π pi
    ul UL lu LU ll LL ull ULL uy us Lf lf LF Dp dp DP sp SP wp WP rk rp real int
    f16 f32 f64 i8 i16 i32 i64 u8 u16 u32 u64 bf
""")
MAGNITUDES = words("""
    thousand thousands million millions billion billions trillion trillions milliard milliards mio mrd tsd mln mld bn
    mn mm bln trn crore crores lakh lakhs lac cr tys mil millionen milliarden tausend dozen
    тыс млн млрд 万 萬 億 亿 千 百 만 억 천 兆
""")


def is_unit(text: str) -> bool:
    """Return whether the letters are a unit, with an SI prefix if the unit takes one."""
    if text in _ALONE:
        return True
    return any(text.startswith(prefix) and text[len(prefix) :] in _PREFIXED for prefix in _PREFIXES)
