package connectors

// Settings are what a customer chooses for one connection. The zero value is how the service works unasked.
type Settings struct {
	// FieldDefaults are values for fields of the CRM that an outcome does not have, by our object and the CRM's own name of the field. They
	// are set on a create alone and never over a value of the outcome. Values are text, numbers or booleans.
	FieldDefaults map[Object]map[string]any `json:"field_defaults,omitempty"`

	// TaskStatus is the status of a new task, in the CRM's own words; empty: the CRM's usual one for what is still to be done.
	TaskStatus string `json:"task_status,omitempty"`

	// Labels are the association labels that tie a task or rollup to its contact or deal, as they read in the CRM; an
	// empty one is the unlabelled association. HubSpot alone has them.
	Labels Labels `json:"labels,omitzero"`

	// RollupTarget is what a rollup is tied to.
	RollupTarget RollupTarget `json:"rollup_target,omitempty"`

	// Contacts says which contacts may be written.
	Contacts ContactPolicy `json:"contacts,omitempty"`

	// NoNewLeads forbids to create leads in Salesforce; whom it does not know yet fails with lead_creation_off.
	NoNewLeads bool `json:"no_new_leads,omitempty"`
}

// Labels are association labels by what they tie.
type Labels struct {
	TaskContact   string `json:"task_contact,omitempty"`
	TaskDeal      string `json:"task_deal,omitempty"`
	RollupContact string `json:"rollup_contact,omitempty"`
	RollupDeal    string `json:"rollup_deal,omitempty"`
}

// RollupTarget is what a rollup is tied to.
type RollupTarget string

// The rollup targets. Where the one that is asked for does not exist, the other serves: a rollup is never tied to nothing by choice.
const (
	RollupBoth    RollupTarget = ""        // contact and deal, as far as the CRM allows both
	RollupDeal    RollupTarget = "deal"    // the deal alone
	RollupContact RollupTarget = "contact" // the contact alone
)

// ContactPolicy says which contacts may be written.
type ContactPolicy string

// The contact policies.
const (
	ContactsUpsert     ContactPolicy = ""            // create and update
	ContactsCreateOnly ContactPolicy = "create_only" // one that exists is used and left as it is: Unchanged
	ContactsUpdateOnly ContactPolicy = "update_only" // one that does not exist fails with contact_creation_off
)

// The codes of writes that the connection's settings forbid. They are ClassRejected.
const (
	CodeContactCreationOff = "contact_creation_off"
	CodeLeadCreationOff    = "lead_creation_off"
)

// SettingsReport is what an account's definitions say about settings.
type SettingsReport struct {
	Problems []SettingProblem // what the CRM would refuse: the settings must not be stored like this
	Missing  []MissingDefault // what a create needs and nothing gives yet
}

// SettingProblem is one setting that the CRM would refuse.
type SettingProblem struct {
	Field   string   // such as field_defaults.contact.Region__c
	Message string   // one sentence with the mend
	Allowed []string // what could stand there; empty: not a list
}

// MissingDefault is a field that the CRM requires of a new record and neither the outcome nor a default fills.
type MissingDefault struct {
	Object  Object
	Field   string
	Label   string
	Allowed []string
}
