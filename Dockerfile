# The image that workers run in: Python, backfleet's dependencies, backfleet and strategy packages.
#
#   backfleet image build      makes it of what is installed, with wheels and without a network
#   docker build .             makes it of a checkout, with packages from the index

ARG BASE_IMAGE=python:3.11-slim

# The dependencies depend on what pyproject.toml requires, and on nothing else of the project.
FROM ${BASE_IMAGE} AS dependencies
ARG PIP_NO_INDEX=0
# The folder of the dependencies' wheels, where there is one.
ARG DEPENDENCIES=pyproject.toml
ENV PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY pyproject.toml ${DEPENDENCIES} /build/wheels/
WORKDIR /build/wheels
RUN python -m venv --without-pip /opt/backfleet \
 && python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > requirements.txt \
 && pip --python /opt/backfleet/bin/python install --quiet --no-compile --find-links . --requirement requirements.txt
# Without bytecode a worker's imports take 3.0 s instead of 0.8. It is never checked against the
# source's time, so that it holds wherever the files are copied to.
RUN /opt/backfleet/bin/python -c "import compileall, py_compile; compileall.compile_dir('/opt/backfleet', quiet=2, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)" \
 && find /opt/backfleet -exec touch --no-dereference --date=2020-01-01T00:00:00Z {} +

# The code is installed apart, so that it becomes a layer of its own, the last.
FROM dependencies AS code
# The folder of the code, and what of it pip installs: a project, or wheels.
ARG CODE=.
ARG INSTALL=.
COPY ${CODE} /build/code/
WORKDIR /build/code
RUN pip --python /opt/backfleet/bin/python install --quiet --no-compile --no-deps --prefix /build/installed ${INSTALL} \
 && /opt/backfleet/bin/python -c "import compileall, py_compile; compileall.compile_dir('/build/installed', stripdir='/build/installed', prependdir='/opt/backfleet', quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)" \
 && find /build/installed -exec touch --no-dereference --date=2020-01-01T00:00:00Z {} + \
 && cp --archive /build/installed/. /opt/backfleet/
# numba finds machine code again by its source's path and time, which is why they are final here.
RUN NUMBA_CACHE_DIR=/build/installed/cache /opt/backfleet/bin/python -m backfleet.worker.warm \
 && find /build/installed/cache -exec touch --date=2020-01-01T00:00:00Z {} + \
 && chmod --recursive a+rX,go-w /build/installed

FROM ${BASE_IMAGE}
# Python's official images bring the standard library without bytecode. A read-only container cannot
# keep it either: each start would compile what it imports, for a second of CPU time.
RUN python -c "import compileall, py_compile, re, sysconfig; compileall.compile_dir(sysconfig.get_path('stdlib'), rx=re.compile('/(test|site-packages|ensurepip|lib2to3|idlelib)/'), quiet=2, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)"
COPY --from=dependencies /opt/backfleet /opt/backfleet
ENV PATH=/opt/backfleet/bin:$PATH \
    HOME=/tmp \
    NUMBA_CACHE_DIR=/opt/backfleet/cache \
    PYTHONHASHSEED=0 \
    PYTHONUNBUFFERED=1
# On Fargate a volume that is mounted here is root's alone unless the image declares it.
VOLUME ["/tmp"]
USER 10001:10001
ENTRYPOINT ["backfleet"]
COPY --from=code /build/installed/ /opt/backfleet/
ARG BASE_IMAGE
# Of the base image in its registry.
ARG BASE_DIGEST=
ARG VERSION=checkout
ARG REVISION=checkout
# SHA-256 of the inventory: a worker compares it with what its submission was planned for.
ARG INVENTORY=
ENV BACKFLEET_IMAGE_INVENTORY=${INVENTORY}
LABEL org.opencontainers.image.title="backfleet" \
      org.opencontainers.image.description="Workers of backfleet" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}" \
      backfleet.inventory.sha256="${INVENTORY}" \
      org.opencontainers.image.licenses="GPL-3.0-or-later"
