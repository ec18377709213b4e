# Two stages: build with the Rust toolchain, run with nothing but the binary and the CAs that the
# world trusts (for a PostgreSQL and a JWKS elsewhere), as an unprivileged user.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
# a C compiler and make, for the crates that need them
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN useradd --system --uid 65532 --no-create-home --shell /usr/sbin/nologin rolegate
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/rolegate /usr/local/bin/rolegate
# inside a container the port must be reached from outside it; so it does not start without a caller file and TLS, or a
# setting that says otherwise: see docs/OPERATIONS.md, «Who may call»
ENV ROLEGATE_LISTEN=0.0.0.0:50051 \
    ROLEGATE_LOG_FORMAT=json
EXPOSE 50051
USER 65532
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["/usr/local/bin/rolegate", "health"]
ENTRYPOINT ["/usr/local/bin/rolegate"]
CMD ["serve"]
