"""
Names as partners write them, in the form in which they are compared: ``first`` and ``last``, folded.

Folded is: no accents, no case, no apostrophes and dots, any other mark a space. ``SMITH, JOHN``, ``JOHN & MARY SMITH``
and a whole name in one field are taken apart; of two people the first one counts, the other is ``co_buyer``. A
company's ``last`` is its name without its legal form, its ``first`` is ``COMPANY``, which no person's can be.

Whole columns at a time; the few names that must be taken apart are looked at apart from the many that need not.
"""

from __future__ import annotations

from typing import Final

import polars as pl

COMPANY: Final = "(company)"
LEGAL_FORMS: Final = (
    "llc", "llp", "lllp", "lp", "pllc", "inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited",
    "plc", "pc", "pty", "gmbh", "ag", "sa", "sarl", "sas", "bv", "nv", "ulc",
)  # fmt: skip
GENERATIONS: Final = ("jr", "sr", "ii", "iii", "iv")
"""A father and his son share their name, their house and often the telephone: it is part of the last name."""
CLEAR_FORMS: Final = (
    "llc", "llp", "lllp", "pllc", "inc", "incorporated", "corp", "corporation", "company", "ltd", "limited", "gmbh",
)  # fmt: skip
"""Those that cannot be a person's initials or last name: they show a company in a person's field."""
TITLES: Final = ("mr", "mrs", "ms", "miss", "mx", "dr")
PARTICLES: Final = (
    "van", "von", "de", "der", "den", "del", "della", "di", "da", "dos", "du", "la", "le", "st", "mac", "mc", "ten",
    "ter", "el", "al", "bin",
)  # fmt: skip
NO_NAMES: Final = (
    "none", "na", "n a", "unknown", "no name", "noname", "not available", "not given", "x", "xx", "xxx", "tbd",
)  # fmt: skip
"""Written into a field because the system wanted something."""
NOBODIES: Final = (
    "cash", "cash customer", "cash sale", "walk in", "walkin", "walk in customer", "internal", "internal customer",
    "customer", "house account", "shop", "shop customer", "pdi", "stock", "inventory", "counter sale",
    "retail customer", "test", "test test", "test customer", "warranty", "warranty customer",
)  # fmt: skip
"""Customers that systems keep for what is nobody's."""
# Letters that Unicode does not take apart into one of a to z and a mark.
LETTERS: Final = {
    "ß": "ss", "ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d",
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    "\N{GREEK SMALL LETTER FINAL SIGMA}": "\N{GREEK SMALL LETTER SIGMA}",
}  # fmt: skip
# O'Brien, however the apostrophe was typed, and J.R.: they vanish, so that they are one word.
_VANISHING = "['`.\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}]"

_ANY_FORM = "|".join(LEGAL_FORMS)
_CLEAR_FORM = "|".join(CLEAR_FORMS)
_ANY_GENERATION = "|".join(GENERATIONS)
_ANY_TITLE = "|".join(TITLES)
_TITLE = rf"^(?:{_ANY_TITLE})(?: & (?:{_ANY_TITLE}))?(?: |$)"
# A last name with its particles and its generation, at the end of a whole name.
_LAST = rf"(?:^| )((?:(?:{'|'.join(PARTICLES)}) )*[^ ]+(?: (?:{_ANY_GENERATION}))?)$"
_AND = r"(?:^| )and(?: |$)"


def folded(values: pl.Series) -> pl.Series:
    """Return ``values`` folded, null where nothing is left. Commas and ampersands stay: they take names apart."""
    texts = values.drop_nulls().unique()
    if len(texts) * 4 > len(values):
        return _folded(values)
    # First names and the commoner last names come again and again.
    return values.replace_strict(texts, _folded(texts), return_dtype=pl.String, default=None)


def _folded(values: pl.Series) -> pl.Series:
    if (values.str.len_bytes() != values.str.len_chars()).any():
        values = values.str.normalize("NFKD").str.replace_all(r"\p{M}+", "").str.to_lowercase()
        values = values.str.replace_many(list(LETTERS), list(LETTERS.values()))
    else:
        values = values.str.to_lowercase()
    values = values.str.replace_all("+", "&", literal=True).str.replace_all(_VANISHING, "")
    values = values.str.replace_all(r"[^\p{L}\p{N},&]+", " ").str.strip_chars(" ")
    return values.to_frame("name").select(pl.when(pl.col("name") != "").then("name")).to_series()


def name_keys(first: pl.Series, last: pl.Series, company: pl.Series) -> pl.DataFrame:
    """
    Return ``first``, ``last`` and ``co_buyer``, each null or folded, for names as they were written.

    A person's name counts before a company's on the same row: that is then where the person works, or who pays.
    """
    f, s = pl.col("first"), pl.col("last")
    names = pl.DataFrame([folded(first).alias("first"), folded(last).alias("last"), folded(company).alias("company")])
    names = names.with_columns(pl.lit(None, pl.String).alias("co_buyer"))
    odd = names.select(
        f.is_null().xor(s.is_null())
        | pl.any_horizontal(pl.col("first", "last").str.contains(rf"[,&]|{_AND}").fill_null(value=False))
    ).to_series()
    if len(places := odd.arg_true()):
        apart = _apart(names[places])
        names = names.with_columns(names[name].scatter(places, apart[name]) for name in names.columns)
    return _finished(names)


def _apart(names: pl.DataFrame) -> pl.DataFrame:
    """Take apart what one field says of several names or several people."""
    names = names.with_columns(
        pl.col("first", "last").str.replace_all(_AND, " & ").str.replace_all(" *& *", " & ").str.strip_chars(" &,")
    ).with_row_index("place")
    both = pl.col("first").is_not_null() & pl.col("last").is_not_null()
    done = [_two_fields(names.filter(both)), _one_field(names.filter(~both))]
    return pl.concat([part.select(names.columns) for part in done]).sort("place").drop("place")


def _two_fields(names: pl.DataFrame) -> pl.DataFrame:
    """``JOHN & MARY`` beside ``SMITH``; ``SMITH, JOHN`` beside ``JOHN``."""
    first = pl.col("first").str.replace(_TITLE, "")
    last = pl.col("last")
    repeated = _spaced(_after_comma(last)) == _spaced(_before_and(first))
    return names.with_columns(
        first=_before_and(first),
        co_buyer=_after_and(first),
        last=pl.when(repeated).then(_before_comma(last)).otherwise(_before_and(last)),
    )


def _one_field(names: pl.DataFrame) -> pl.DataFrame:
    """``SMITH, JOHN``, ``JOHN & MARY SMITH`` or ``JOHN SMITH``, in whichever of the two fields."""
    whole, left, right, form = pl.col("whole"), pl.col("left"), pl.col("right"), pl.col("form")
    in_first = pl.col("first").is_not_null()
    names = names.with_columns(whole=pl.coalesce("first", "last")).with_columns(
        # SMITH, JR is a last name alone.
        whole=pl.when(_spaced(_after_comma(whole)).is_in(GENERATIONS))
        .then(whole.str.replace_all(" *, *", " "))
        .otherwise(whole)
        .str.replace(_TITLE, ""),
        says_company=_spaced(whole).str.contains(rf" (?:{_CLEAR_FORM})$"),
    )
    names = names.with_columns(left=_before_and(whole), right=_after_and(whole)).with_columns(
        form=pl.when("says_company")
        .then(pl.lit("company"))
        .when(whole.str.contains(",", literal=True))
        .then(pl.lit("comma"))
        .when(left.str.contains(" ", literal=True) & (in_first | right.is_not_null()))
        .then(pl.lit("left"))
        .when(right.str.contains(" ", literal=True))
        .then(pl.lit("right"))
        .otherwise(pl.lit("alone"))
    )
    given, comma = _after_comma(whole), form == "comma"
    return names.with_columns(
        first=pl.when(comma)
        .then(_before_and(given))
        .when(form == "left")
        .then(left.str.replace(_LAST, ""))
        .when(form == "right")
        .then(left)
        .when((form == "alone") & in_first)
        .then(left),
        last=pl.when(comma)
        .then(_before_and(_before_comma(whole)))
        .when(form == "left")
        .then(left.str.extract(_LAST))
        .when(form == "right")
        .then(right.str.extract(_LAST))
        .when((form == "alone") & ~in_first)
        .then(whole),
        co_buyer=pl.when(comma)
        .then(_after_and(given))
        .when(form == "left")
        .then(right)
        .when(form == "right")
        .then(right.str.replace(_LAST, ""))
        .when((form == "alone") & in_first)
        .then(right),
        company=pl.when(form == "company").then(pl.coalesce("first", "last")).otherwise("company"),
    )


def _finished(names: pl.DataFrame) -> pl.DataFrame:
    """Titles and initials go, the generation joins the last name, and what names nobody is nobody."""
    f, s, company = pl.col("first"), pl.col("last"), pl.col("company")
    generation = rf"^(.*[^ ]) ({_ANY_GENERATION})$"
    return (
        names.lazy()
        .with_columns(_spaced(pl.col("first", "last", "co_buyer")))
        .with_columns(first=f.str.replace(_TITLE, ""), company=_spaced(company.str.replace_all(_AND, " ")))
        .with_columns(
            first=f.str.replace(generation, "${1}"),
            last=pl.when(f.str.contains(generation) & ~s.str.contains(rf" (?:{_ANY_GENERATION})$"))
            .then(pl.concat_str(s, pl.lit(" "), f.str.extract(generation, 2)))
            .otherwise(s),
            company=company.str.replace("^the ", "").str.replace(rf"(?: (?:{_ANY_FORM}))+$", ""),
        )
        .with_columns(_unless_in(pl.all(), ("", *NO_NAMES)))
        .with_columns(first=f.str.replace(r"(?: \p{L})+$", ""))
        .with_columns(nobody=pl.concat_str("first", "last", separator=" ", ignore_nulls=True).is_in(NOBODIES))
        .with_columns(pl.when(~pl.col("nobody")).then(pl.col("first", "last")), company=_unless_in(company, NOBODIES))
        .with_columns(only_company=s.is_null() & company.is_not_null())
        .select(
            first=pl.when("only_company").then(pl.lit(COMPANY)).otherwise(f),
            last=pl.when("only_company").then(company).otherwise(s),
            co_buyer="co_buyer",
        )
        .collect()
    )


def _unless_in(names: pl.Expr, no_names: tuple[str, ...]) -> pl.Expr:
    return pl.when(~names.is_in(no_names)).then(names)


def _spaced(names: pl.Expr) -> pl.Expr:
    return names.str.replace_all("[,& ]+", " ").str.strip_chars(" ")


def _before_and(names: pl.Expr) -> pl.Expr:
    return names.str.replace(" ?&.*$", "")


def _after_and(names: pl.Expr) -> pl.Expr:
    return names.str.extract("^[^&]*& ?(.+)$")


def _before_comma(names: pl.Expr) -> pl.Expr:
    return names.str.replace(" ?,.*$", "")


def _after_comma(names: pl.Expr) -> pl.Expr:
    return names.str.extract("^[^,]*, ?(.*)$")
