package salesforce

import (
	"net/http"
	"strings"

	"crm-connectors/connectors"
)

// wouldAnswer is what Salesforce says when a change goes through. New records have an id in braces.
func wouldAnswer(call connectors.Call) connectors.Reply {
	path, marked := strings.CutSuffix(call.Route, "/"+markerField+"/{marker}")
	if call.Method == http.MethodPatch && !marked {
		return connectors.Reply{Status: http.StatusNoContent}
	}
	object := path[strings.LastIndexByte(path, '/')+1:]
	return connectors.JSONReply(http.StatusCreated, `{"id":"{new `+strings.ToLower(object)+`}","success":true,"errors":[]}`)
}
