// Package api is HTTP and nothing else: it turns requests into the typed requests of the contract
// (openapi.yaml) and typed answers, or *Error, into responses.
//
//	request ─► request id ─► access log ─► recover ─► CORS ─► prefix, deadline ─► health, reference
//	                                                                                │
//	StrictServerInterface ◄─ generated binding ◄─ validation ◄─ body ◄─ auth ◄─ observer ◄─ route
//
// The types, the binding and the routes are generated from openapi.yaml; validation reads the same
// document at run time, so the contract is what is enforced. Handlers implement
// StrictServerInterface, know no net/http, and return *Error for everything that a caller should
// learn about; any other error becomes a 500 with a fixed text, and its own text goes to the log.
package api

//go:generate go tool oapi-codegen -config oapi-codegen.yaml ../openapi.yaml
//go:generate go run ../cmd/reference ../openapi.yaml reference.gen.html
