"""The import of vendors' files.

`containers` opens files, as `parts` whose `frame`s are tables (`dialect`, `documents`, `tables`,
`qlib`). `form` groups them and finds the `preset`; `recognition` decides how a form is read
(`date_choice`, `price_columns`, `volume_units`, `adjustment_choice`, `order`, `shapes`).
`part_rows` and `rows` read the rows, `pieces` collects them by symbol, `assemble` makes bars of
them (`symbol_table`, `clock`, `price_rows`, `adjustment`). `importer` is the whole way (`copies`),
and `run` writes the folder (`target`).

Tables of facts go another way: `fact_tables` reads them, `fact_vendors` makes spans and actions of
them (`fact_members`), and `fact_import` writes the folder.
"""
