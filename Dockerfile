# One image for every role: gateway, worker, simulators and migrations differ only in their command.
FROM python:3.11-slim AS build
RUN python -m venv /opt/trunkline
ENV PATH=/opt/trunkline/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY kernel ./kernel
COPY oss ./oss
COPY bss ./bss
COPY adapters ./adapters
COPY gateway ./gateway
COPY simulators ./simulators
COPY config ./config
RUN pip install --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --system --create-home --home-dir /var/lib/trunkline --uid 10001 trunkline
COPY --from=build /opt/trunkline /opt/trunkline
ENV PATH=/opt/trunkline/bin:$PATH PYTHONUNBUFFERED=1
USER trunkline
WORKDIR /var/lib/trunkline
EXPOSE 8080
CMD ["trunkline", "serve"]
