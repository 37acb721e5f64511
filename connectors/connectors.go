// Package connectors is the contract that every CRM fulfils, and what all of them share.
//
//	delivery ──Write──► Connector.Deliver ──Call──► Client ──HTTP──► the CRM
//	   ▲                     │    (shared: retry of short blips, no redirects, bounded bodies,
//	   │                     │     what was provably not sent is told from what may have been)
//	   └──────Result─────────┘
//
// A connector knows one CRM's paths, shapes and errors, and nothing of the log or the
// database. It turns every answer into one Class, which is all that delivery decides by.
// It keeps no state between calls but caches that may be lost.
//
// Adding a CRM: a folder that implements Connector and passes connectorstest, its simulator
// under sim, and one block in the wiring. docs/add-a-crm.md has all steps.
package connectors

import (
	"context"
	"encoding/json"
	"time"
)

// CRM names a CRM as it stands in URLs, keys and the database.
type CRM string

// The CRMs that exist.
const (
	HubSpot    CRM = "hubspot"
	Salesforce CRM = "salesforce"
)

// Object is the kind of thing a write carries, in our words; each CRM has its own name for it.
type Object string

// The objects of an outcome.
const (
	ObjectContact Object = "contact" // upsert, by email
	ObjectTask    Object = "task"    // create
	ObjectRollup  Object = "rollup"  // create: HubSpot a note, Salesforce a closed task
)

// Contact is who an outcome is about. An empty field is unknown: it is never written to the CRM.
type Contact struct {
	Email     string `json:"email"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Company   string `json:"company,omitempty"`
	Phone     string `json:"phone,omitempty"`
	JobTitle  string `json:"job_title,omitempty"`
}

// Task is what to do next.
type Task struct {
	ID         string    `json:"id"`
	Subject    string    `json:"subject"`
	Body       string    `json:"body,omitempty"`
	DueAt      time.Time `json:"due_at"`
	Priority   string    `json:"priority,omitempty"` // low, medium, high; empty: the CRM's default
	OwnerEmail string    `json:"owner_email,omitempty"`
}

// Rollup is the weekly summary of a deal. WeekStart is a date, YYYY-MM-DD.
type Rollup struct {
	ID        string `json:"id"`
	WeekStart string `json:"week_start"`
	Summary   string `json:"summary"`
}

// Ref names a record in the CRM. Type is the CRM's own word (contacts, tasks, notes; Lead,
// Contact, Task); the zero Ref names nothing.
type Ref struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// Write is one row of the log as a connector sees it. Exactly one of Contact, Task and Rollup is set,
// as Object says.
type Write struct {
	ID      string // the row's id, for correlation in batches
	Key     string // the idempotency key, the same on every attempt
	Object  Object
	Contact *Contact
	Task    *Task
	Rollup  *Rollup

	// Marker is what a record of ours is known by in the CRM: 26 lower-case letters and digits, the same on every attempt of
	// this write and of no other. Empty: the record carries none.
	Marker string
	// Found is the record that an earlier attempt of this write made: it is completed and never created again.
	Found Ref
	// NotBefore is when this write can first have reached the CRM, with a margin for clocks that differ; zero: unknown.
	NotBefore time.Time

	ContactRef Ref // task, rollup: the contact they belong to; contact: what the email was last known as
	// ContactKnown says that ContactRef was seen a short while ago: a contact is written there without being looked up first, and looked up only
	// when the CRM does not have it there.
	ContactKnown bool
	Email        string // task, rollup: the contact's email, where there is one
	DealID       string // the CRM's id of the deal that the thread is linked to; empty: none

	// SendBy is when the right to send ends: no call that changes the CRM starts after it.
	// Zero means no limit. It carries a monotonic reading.
	SendBy time.Time
}

// Outcome says what a successful write came to.
type Outcome string

// The outcomes of a successful write.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged" // the record is there and was left as it is
)

// Note records where the CRM bent a rule on a write that went through, such as
// association_dropped. Message is one sentence for an operator.
type Note struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Result is what became of one Write: succeeded with Ref and Outcome when Err is nil, else Err
// says what may be done. Notes and Calls are filled either way.
type Result struct {
	Ref     Ref
	Outcome Outcome
	Notes   []Note
	Calls   []CallRecord
	MayLand bool    // a change that was sent and may be repeated got no sure answer: a late copy of it may land after newer ones
	Limits  []Limit // what the CRM last said about the account's allowance; empty: it said nothing
	Err     *Error
}

// Limit is an allowance of the account as its CRM stated it with an answer.
type Limit struct {
	Name string `json:"name"` // daily, burst, app_daily
	Used int64  `json:"used"`
	Max  int64  `json:"max"`
}

// Finding is the answer to: is this write in the CRM already?
type Finding struct {
	Ref      Ref   // zero: not found
	Complete bool  // found, and it holds all that the write asked for; else Deliver with Found completes it
	Copies   []Ref // further records of the same marker: the write is there more than once
	Tier     Tier  // what "not found" is worth
	Calls    []CallRecord
}

// Sighting is what a look for one of several writes came to: what Find would have answered.
type Sighting struct {
	Finding
	Err error
}

// BatchFinder is a Connector that looks for many writes in few calls.
type BatchFinder interface {
	// FindAll is Find for writes of one object, with one Sighting for each, in the same order. What reading for all of them together leaves
	// open of a write is read for that write alone. The calls that several shared are on the record of each.
	FindAll(ctx context.Context, account Account, writes []Write) []Sighting
}

// Plan is what a Write would do: the calls that change the CRM, in order.
type Plan struct {
	Ref   Ref // what would be changed; an ID in braces does not exist yet
	Calls []PlannedCall
	Notes []Note
	Err   *Error // the write would fail before it changes anything
}

// PlannedCall is a call that would be made. Body is the exact JSON that would be sent.
type PlannedCall struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   json.RawMessage `json:"body,omitempty"`
}

// Connector is one CRM. Its methods are safe for concurrent use.
type Connector interface {
	CRM() CRM
	Authorizer

	// MaxBatch is how many writes one Deliver carries to its advantage, at least 1.
	MaxBatch() int

	// Deliver carries the writes to the CRM and answers with one Result for each, in the same order; those of one contact take effect
	// in theirs. Several go in the CRM's batch calls, one goes by the single call. It
	// repeats no call that may have been executed and is not idempotent. When the context ends, what was
	// not sent comes back as ClassRetry and what may have been as ClassInDoubt.
	Deliver(ctx context.Context, account Account, writes []Write) []Result

	// Find looks for a write whose fate is unknown, by its marker, among live, archived and deleted records as far as the CRM
	// shows them. ErrCannotFind means that there is no reliable way for this write in this account; other errors are
	// *Error, and say nothing about the write. It changes nothing.
	Find(ctx context.Context, account Account, write Write) (Finding, error)

	// Marked lists the records of object that carry a marker and were made since then, deleted ones too as far as the CRM shows them, in no
	// order. ErrCannotFind means that the account offers no way to list them; other errors are *Error. It changes nothing.
	Marked(ctx context.Context, account Account, object Object, since time.Time) ([]MarkedRecord, error)

	// Probe asks how the account can tell our records from others; the answer belongs into Account.Capabilities. It changes
	// nothing. Errors are *Error.
	Probe(ctx context.Context, account Account) (Capabilities, error)

	// Provision makes in the account what gives it its best tier, as far as the grant allows, and probes again. Doing it again
	// does no harm. Errors are *Error; what an administrator must do instead stands in Advice.
	Provision(ctx context.Context, account Account) (Capabilities, error)

	// CheckSettings holds s against the account's own definitions. It changes nothing. Errors are *Error.
	CheckSettings(ctx context.Context, account Account, s Settings) (SettingsReport, error)

	// Plan runs Deliver's own path with real reads, and stops short of every call that would change
	// the CRM. Writes that depend on a contact of the same list see it as it would be.
	Plan(ctx context.Context, account Account, writes []Write) []Plan
}
