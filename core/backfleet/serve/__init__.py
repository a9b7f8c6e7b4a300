"""Serving a store: a local page over its runs.

`server.py` binds a socket and runs uvicorn until Ctrl-C or SIGTERM. `connection.py` bounds what
one connection may cost. `access.py` checks each request's host, token and size before `app.py`, the
endpoints, sees it. `run_catalog.py` lists the runs, `pages.py` renders them, and `problems.py` puts
exceptions into one line. The store is opened with `read_only.py`.
"""
