"""New packages from templates: `backfleet new`.

`package_name.py` checks a name in each of its spellings and finds clashes with installed packages.
`strategy_package.py` writes a package with a strategy, its entry point, a job and a test: the whole
package or nothing. The templates are in `templates/`.
"""
