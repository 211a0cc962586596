# syntax=docker/dockerfile:1

# The compiler and a C compiler for SQLite; nothing of it gets into the image.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin angaros \
    && install -D -m 0755 target/release/angaros /out/usr/local/bin/angaros \
    && install -d -m 0700 /out/data

# The C library, root certificates, and no shell. It runs as user 65532, which owns /data and nothing else.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/usr/local/bin/angaros /usr/local/bin/angaros
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
WORKDIR /data
VOLUME ["/data"]
# Inside a container, loopback can be called by nobody. So a key is asked for, even while there is none.
ENV ANGAROS_SERVER__LISTEN=0.0.0.0:8080 \
    ANGAROS_SECURITY__REQUIRE_KEYS=true
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["/usr/local/bin/angaros", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/angaros"]
CMD ["serve"]
