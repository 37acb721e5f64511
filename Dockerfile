# syntax=docker/dockerfile:1
# docker build -t crm-connectors .   and   docker run -p 9000:9000 --env-file production.env crm-connectors
#
# A release pins both images by digest, as `docker buildx imagetools inspect NAME` prints it:
#   --build-arg BUILD_IMAGE=golang:1.26-bookworm@sha256:… --build-arg BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot@sha256:…
ARG BUILD_IMAGE=golang:1.26-bookworm
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

FROM --platform=$BUILDPLATFORM $BUILD_IMAGE AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION COMMIT DATE
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -tags production -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT -X main.date=$DATE" \
      -o /out/crm-connectors ./cmd/crm-connectors
# What is in it, read from the program itself: CycloneDX, as JSON. .ci/supply has the same version of the tool.
RUN go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 bin -json -licenses -std -notimestamp -output /out/sbom.json /out/crm-connectors

# Certificates, time zones and a passwd entry for nonroot; no shell.
FROM $BASE_IMAGE
COPY --from=build /out/crm-connectors /crm-connectors
COPY --from=build /out/sbom.json /sbom.json
COPY LICENSE /LICENSE
USER nonroot
ENV PORT=9000
EXPOSE 9000
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 CMD ["/crm-connectors", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/crm-connectors"]
CMD ["serve"]
