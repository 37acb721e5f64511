package simhubspot

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// The categories that HubSpot's error bodies carry.
const (
	categoryValidation    = "VALIDATION_ERROR"
	categoryConflict      = "CONFLICT"
	categoryNotFound      = "OBJECT_NOT_FOUND"
	categoryInvalidAuth   = "INVALID_AUTHENTICATION"
	categoryExpiredAuth   = "EXPIRED_AUTHENTICATION"
	categoryMissingScopes = "MISSING_SCOPES"
)

// apiError is an error body of HubSpot's with its HTTP status.
type apiError struct {
	code   int
	header http.Header

	Status        string              `json:"status"`
	Message       string              `json:"message"`
	CorrelationID string              `json:"correlationId,omitempty"`
	Context       map[string][]string `json:"context,omitempty"`
	Errors        []errorDetail       `json:"errors,omitempty"`
	Links         map[string]string   `json:"links,omitempty"`
	Category      string              `json:"category,omitempty"`
	SubCategory   string              `json:"subCategory,omitempty"`
	ErrorType     string              `json:"errorType,omitempty"`
	PolicyName    string              `json:"policyName,omitempty"`
	GroupName     string              `json:"groupName,omitempty"`
}

type errorDetail struct {
	Message string              `json:"message"`
	Code    string              `json:"code,omitempty"`
	In      string              `json:"in,omitempty"`
	Context map[string][]string `json:"context,omitempty"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.code, e.Category, e.Message) }

func fail(code int, category, format string, args ...any) *apiError {
	return &apiError{code: code, Status: "error", Category: category, Message: fmt.Sprintf(format, args...), CorrelationID: newUUID()}
}

func invalid(format string, args ...any) *apiError {
	return fail(http.StatusBadRequest, categoryValidation, format, args...)
}

func notFound() *apiError {
	return fail(http.StatusNotFound, categoryNotFound, "resource not found")
}

func alreadyExists(id string) *apiError {
	return fail(http.StatusConflict, categoryConflict, "Contact already exists. Existing ID: %s", id)
}

func (e *apiError) with(key string, values ...string) *apiError {
	if e.Context == nil {
		e.Context = map[string][]string{}
	}
	e.Context[key] = values
	return e
}

// propertyError is one element of the list inside "Property values were not valid: [...]".
type propertyError struct {
	IsValid   bool   `json:"isValid"`
	Message   string `json:"message"`
	Code      string `json:"error"`
	Name      string `json:"name"`
	Localized string `json:"localizedErrorMessage"`
	PortalID  int64  `json:"portalId"`
}

func badProperty(name, code, format string, args ...any) *propertyError {
	msg := fmt.Sprintf(format, args...)
	return &propertyError{Message: msg, Localized: msg, Code: code, Name: name, PortalID: hubID}
}

func invalidProperties(list []*propertyError) *apiError {
	text, err := json.Marshal(list)
	if err != nil {
		return fail(http.StatusInternalServerError, "", "internal error")
	}
	e := invalid("Property values were not valid: %s", text)
	for _, p := range list {
		e.Errors = append(e.Errors, errorDetail{Message: p.Message, Code: p.Code, Context: map[string][]string{"propertyName": {p.Name}}})
	}
	return e
}

func missingProperties(k *kind, names []string) *apiError {
	return invalid("Error creating %s. Some required properties were not set.", strings.ToUpper(k.singular)).with("properties", names...)
}

// newUUID is a random (version 4) UUID; crypto/rand never fails.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
