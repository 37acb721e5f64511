package simsalesforce

// standardObjects are the types of the org with the limits of Salesforce's object reference.
func standardObjects(b Behaviour) []object {
	return []object{
		leadObject(b), contactObject(), accountObject(), opportunityObject(), taskObject(b), userObject(),
		{name: "LeadStatus", label: "Lead Status Value", prefix: "01J", fields: append(system(),
			text("ApiName", "API Name", 255).readOnly(), text("MasterLabel", "Master Label", 255).readOnly(),
			boolean("IsDefault", "Is Default").readOnly(), boolean("IsConverted", "Is Converted").readOnly(),
			integer("SortOrder", "Sort Order").readOnly())},
		{name: "TaskStatus", label: "Task Status Value", prefix: "01T", fields: append(system(),
			text("ApiName", "API Name", 255).readOnly(), text("MasterLabel", "Master Label", 255).readOnly(),
			boolean("IsDefault", "Is Default").readOnly(), boolean("IsClosed", "Is Closed").readOnly(),
			integer("SortOrder", "Sort Order").readOnly())},
		{name: "Organization", label: "Organization", prefix: "00D", fields: append(system(),
			text("Name", "Name", 80).readOnly(), boolean("IsSandbox", "Is Sandbox").readOnly(),
			choice("OrganizationType", "Edition", 40).readOnly())},
	}
}

// system are the fields that every object has.
func system() []field {
	return []field{
		{name: "Id", label: "Record ID", kind: "id", length: 18, required: true, defaulted: true, filterable: true, idLookup: true},
		boolean("IsDeleted", "Deleted").readOnly(),
		moment("CreatedDate", "Created Date").byDefault().readOnly(),
		reference("CreatedById", "Created By ID", "User").byDefault().readOnly(),
		moment("LastModifiedDate", "Last Modified Date").byDefault().readOnly(),
		reference("LastModifiedById", "Last Modified By ID", "User").byDefault().readOnly(),
		moment("SystemModstamp", "System Modstamp").byDefault().readOnly(),
	}
}

func owner() field { return reference("OwnerId", "Owner ID", "User").byDefault() }

func outcomeKey(b Behaviour) []field {
	if !b.HasExternalID {
		return nil
	}
	f := text(ExternalIDField, "Outcome Key", 255)
	f.custom, f.externalID, f.idLookup, f.unique = true, true, true, !b.ExternalIDNotUnique
	return []field{f}
}

func leadObject(b Behaviour) object {
	fields := append(system(), owner(),
		text("LastName", "Last Name", 80).must(), text("FirstName", "First Name", 40),
		text("MiddleName", "Middle Name", 40), text("Suffix", "Suffix", 40),
		choice("Salutation", "Salutation", 40).picks("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."),
		text("Name", "Full Name", 203).readOnly(), text("Title", "Title", 128),
		text("Company", "Company", 255).must(),
		textarea("Street", "Street", 255), text("City", "City", 40), text("State", "State/Province", 80),
		text("PostalCode", "Zip/Postal Code", 20), text("Country", "Country", 80),
		phone("Phone", "Phone"), phone("MobilePhone", "Mobile Phone"), phone("Fax", "Fax"),
		email("Email", "Email"), newField("url", "Website", "Website", 255),
		comments("Description", "Description"),
		choice("LeadSource", "Lead Source", 255).picks("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"),
		choice("Status", "Lead Status", 255).byDefault().statuses(b.leadStatuses()),
		choice("Industry", "Industry", 255).picks("Banking", "Consulting", "Energy", "Technology", "Other"),
		choice("Rating", "Rating", 255).picks("Hot", "Warm", "Cold"),
		currency("AnnualRevenue", "Annual Revenue"), integer("NumberOfEmployees", "Employees"),
		boolean("HasOptedOutOfEmail", "Email Opt Out"),
		boolean("IsConverted", "Converted").readOnly(), date("ConvertedDate", "Converted Date").readOnly(),
		reference("ConvertedAccountId", "Converted Account ID", "Account").readOnly(),
		reference("ConvertedContactId", "Converted Contact ID", "Contact").readOnly(),
		reference("ConvertedOpportunityId", "Converted Opportunity ID", "Opportunity").readOnly(),
		reference("RecordTypeId", "Record Type ID", "RecordType"),
	)
	return object{name: "Lead", label: "Lead", prefix: "00Q", writable: true, fields: append(fields, outcomeKey(b)...)}
}

func contactObject() object {
	return object{name: "Contact", label: "Contact", prefix: "003", writable: true, fields: append(system(), owner(),
		reference("AccountId", "Account ID", "Account"),
		text("LastName", "Last Name", 80).must(), text("FirstName", "First Name", 40),
		choice("Salutation", "Salutation", 40).picks("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."),
		text("Name", "Full Name", 203).readOnly(), text("Title", "Title", 128), text("Department", "Department", 80),
		textarea("MailingStreet", "Mailing Street", 255), text("MailingCity", "Mailing City", 40),
		text("MailingState", "Mailing State/Province", 80), text("MailingPostalCode", "Mailing Zip/Postal Code", 20),
		text("MailingCountry", "Mailing Country", 80),
		phone("Phone", "Business Phone"), phone("MobilePhone", "Mobile Phone"), phone("Fax", "Business Fax"),
		email("Email", "Email"), comments("Description", "Contact Description"),
		choice("LeadSource", "Lead Source", 255).picks("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"),
		boolean("HasOptedOutOfEmail", "Email Opt Out"),
		reference("RecordTypeId", "Record Type ID", "RecordType"),
	)}
}

func accountObject() object {
	return object{name: "Account", label: "Account", prefix: "001", writable: true, fields: append(system(), owner(),
		text("Name", "Account Name", 255).must(), phone("Phone", "Account Phone"),
		newField("url", "Website", "Website", 255), choice("Industry", "Industry", 255),
		comments("Description", "Account Description"),
	)}
}

func opportunityObject() object {
	return object{name: "Opportunity", label: "Opportunity", prefix: "006", writable: true, fields: append(system(), owner(),
		text("Name", "Name", 120).must(), reference("AccountId", "Account ID", "Account"),
		choice("StageName", "Stage", 255).must().picks("Prospecting", "Qualification", "Proposal", "Closed Won", "Closed Lost"),
		date("CloseDate", "Close Date").must(), currency("Amount", "Amount"),
		comments("Description", "Description"), choice("LeadSource", "Lead Source", 255),
		boolean("IsClosed", "Closed").readOnly(), boolean("IsWon", "Won").readOnly(),
	)}
}

func taskObject(b Behaviour) object {
	fields := append(system(), owner(),
		reference("WhoId", "Name ID", "Contact", "Lead"),
		reference("WhatId", "Related To ID", "Account", "Opportunity"),
		newField("combobox", "Subject", "Subject", 255).picks("Call", "Email", "Send Letter", "Send Quote", "Other"),
		date("ActivityDate", "Due Date Only"), comments("Description", "Description"),
		choice("Status", "Status", 255).byDefault().statuses(b.taskStatuses()),
		choice("Priority", "Priority", 40).byDefault().picks("High", "Normal", "Low"),
		choice("Type", "Type", 40).picks("Call", "Email", "Meeting", "Other"),
		taskSubtype(), boolean("IsReminderSet", "Reminder Set"), moment("ReminderDateTime", "Reminder Date/Time"),
		integer("CallDurationInSeconds", "Call Duration"), text("CallDisposition", "Call Result", 255),
		choice("CallType", "Call Type", 40).picks("Internal", "Inbound", "Outbound"),
		reference("AccountId", "Account ID", "Account").readOnly(),
		boolean("IsClosed", "Closed").readOnly(), boolean("IsHighPriority", "High Priority").readOnly(),
		boolean("IsArchived", "Archived").readOnly(),
		moment("CompletedDateTime", "Completed Date/Time").readOnly(),
		integer("WhoCount", "Relation Count").readOnly(), integer("WhatCount", "Related To Count").readOnly(),
		reference("RecordTypeId", "Record Type ID", "RecordType"),
	)
	return object{name: "Task", label: "Task", prefix: "00T", writable: true, fields: append(fields, outcomeKey(b)...)}
}

func taskSubtype() field {
	f := choice("TaskSubtype", "Task Subtype", 40).createOnly().picks("Task", "Email", "LinkedIn", "ListEmail", "Cadence", "Call")
	f.restricted = true
	return f
}

func userObject() object {
	return object{name: "User", label: "User", prefix: "005", fields: append(system(),
		text("Username", "Username", 80).must(), text("LastName", "Last Name", 80).must(),
		text("FirstName", "First Name", 40), text("Name", "Full Name", 121).readOnly(),
		email("Email", "Email"), boolean("IsActive", "Active"), text("Alias", "Alias", 8),
		choice("UserType", "User Type", 40).readOnly(),
	)}
}
