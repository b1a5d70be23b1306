# memnet serve on CPUs, by a user without rights, from a file system that is never written.
# How to build and run it: docs/web.md, "In a container".
#
# The image holds the weights of resmem.published, whose licence is for non-commercial use only.
FROM python:3.12-slim-bookworm

# PyTorch for CPUs comes first: what pip would take brings 4 GB of libraries for NVIDIA GPUs.
RUN pip install --no-cache-dir torch torchvision --index-url https://download.pytorch.org/whl/cpu

ENV MEMNET_HOME=/opt/memnet/home \
    MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/tmp/numba \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

WORKDIR /opt/memnet/source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY memnet ./memnet

# Once the store has the weights, the package that brought them is 0.5 GB for nothing.
RUN pip install --no-cache-dir ".[web,resmem]" \
    && memnet weights fetch resmem.published \
    && pip uninstall --yes resmem

RUN useradd --system --uid 10001 --no-create-home memnet
USER 10001
WORKDIR /

EXPOSE 8400
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:8400/readyz', timeout=4)"]

# Within the container it listens everywhere; which of them is reached from outside, `--publish` says.
ENTRYPOINT ["memnet", "--no-cache", "serve", "--host", "0.0.0.0", "--port", "8400"]
