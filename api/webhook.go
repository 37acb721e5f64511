package api

import "errors"

// errNothingToCarry says that a webhook is well-formed and holds no outcome.
var errNothingToCarry = errors.New("a deletion carries no outcome")

// openWebhook gives the outcome inside the body of a Supabase database webhook: the record's field outcome
// if it is an object, else the record itself. Any other body is given back as it is.
func openWebhook(body any) (any, error) {
	envelope, ok := body.(map[string]any)
	if !ok || !isWebhook(envelope) {
		return body, nil
	}
	switch envelope["type"] {
	case "INSERT", "UPDATE":
	case "DELETE":
		return nil, errNothingToCarry
	default:
		return nil, invalid("type", "must be one of INSERT, UPDATE, DELETE")
	}
	record, ok := envelope["record"].(map[string]any)
	if !ok {
		return nil, invalid("record", "must be an object")
	}
	if outcome, ok := record["outcome"].(map[string]any); ok {
		return outcome, nil
	}
	return record, nil
}

// isWebhook goes by the keys that pg_net always sends and that no outcome has.
func isWebhook(body map[string]any) bool {
	_, hasType := body["type"]
	_, hasTable := body["table"]
	_, hasRecord := body["record"]
	_, hasOld := body["old_record"]
	return hasType && hasTable && (hasRecord || hasOld)
}

func ignored() SyncResult {
	reason := "A DELETE carries no outcome."
	return SyncResult{Status: SyncStatusIgnored, Reason: &reason}
}
