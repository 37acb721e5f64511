package main

import (
	"net/url"
	"strings"

	"crm-connectors/connectors"
	"crm-connectors/telemetry"
)

// tracing is where traces go; nil: nowhere. What is malformed is told either way.
func (c *checker) tracing(v variables) *TracingConfig {
	cfg := &TracingConfig{Endpoint: c.anyURL("OTEL_EXPORTER_OTLP_ENDPOINT", v.OTLPEndpoint), Headers: c.otlpHeaders(v.OTLPHeaders), ServiceName: v.ServiceName,
		Sampler: c.oneOf("OTEL_TRACES_SAMPLER", v.TraceSampler, telemetry.Samplers()...), SamplerArg: v.TraceArg}
	c.oneOf("OTEL_EXPORTER_OTLP_PROTOCOL", v.OTLPProtocol, "http/protobuf")
	if !(v.TraceArg >= 0 && v.TraceArg <= 1) { // NaN is neither
		c.add("OTEL_TRACES_SAMPLER_ARG", "is not between 0 and 1")
	}
	if v.OTLPEndpoint == "" {
		return nil
	}
	return cfg
}

// otlpHeaders reads name=value,name=value, each escaped as in a URL.
func (c *checker) otlpHeaders(text string) map[string]connectors.Secret {
	headers := map[string]connectors.Secret{}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		name, nameErr := url.PathUnescape(strings.TrimSpace(name))
		value, valueErr := url.PathUnescape(strings.TrimSpace(value))
		if !found || name == "" || nameErr != nil || valueErr != nil || strings.ContainsAny(name+value, "\r\n") {
			c.add("OTEL_EXPORTER_OTLP_HEADERS", "is not name=value, or several with commas between")
			return nil
		}
		headers[name] = connectors.NewSecret(value)
	}
	return headers
}
