package main

import (
	"path"
	"slices"

	"crm-connectors/cmd/overlay"
)

const (
	hubspot    = "hubspot"
	salesforce = "salesforce"
)

// behaviour is one thing that a simulator does as its CRM does.
type behaviour struct {
	crm  string
	name string // unique in its CRM
	off  string // what the simulator does once it is switched off
	sim  []overlay.Edit

	// For checks of what a client sends: the connector made to send what the check is for.
	wrong     string // what it then does
	connector []overlay.Edit
}

// behaviours are all of both simulators.
func behaviours() []behaviour {
	return slices.Concat(
		of(hubspot, "sim/simhubspot", hubspotRecords()), of(hubspot, "sim/simhubspot", hubspotSearch()),
		of(hubspot, "sim/simhubspot", hubspotAccess()), of(hubspot, "sim/simhubspot", hubspotLimits()),
		of(hubspot, "sim/simhubspot", hubspotLinks()), of(hubspot, "sim/simhubspot", hubspotValues()),
		of(hubspot, "sim/simhubspot", hubspotBatches()), of(hubspot, "sim", faults()),
		of(salesforce, "sim/simsalesforce", salesforceAccess()), of(salesforce, "sim/simsalesforce", salesforceRecords()),
		of(salesforce, "sim/simsalesforce", salesforceQueries()), of(salesforce, "sim", faults()),
	)
}

// of completes entries whose edits name files from the folder of the simulator, or from that of the connectors.
func of(crm, dir string, list []behaviour) []behaviour {
	for i := range list {
		list[i].crm = crm
		place(list[i].sim, dir)
		place(list[i].connector, "connectors")
	}
	return list
}

func place(edits []overlay.Edit, dir string) {
	for i := range edits {
		edits[i].In = path.Join(dir, edits[i].In)
	}
}

// in is a change of one place of a file.
func in(file, before, after string) []overlay.Edit {
	return []overlay.Edit{{In: file, Old: before, New: after}}
}
