# syntax=docker/dockerfile:1
# docker build -t crm-connectors .   and   docker run -p 9000:9000 --env-file production.env crm-connectors

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION COMMIT DATE
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -tags production -trimpath \
      -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT -X main.date=$DATE" \
      -o /out/crm-connectors ./cmd/crm-connectors

# Certificates, time zones and a passwd entry for nonroot; no shell.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/crm-connectors /crm-connectors
COPY LICENSE /LICENSE
USER nonroot
ENV PORT=9000
EXPOSE 9000
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 CMD ["/crm-connectors", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/crm-connectors"]
CMD ["serve"]
