package simsalesforce

import (
	"fmt"
	"maps"
	"net/http"

	"crm-connectors/sim"
)

// mayWrite refuses writes that no record could mend.
func (c *call) mayWrite(obj *object, verb string) *refusal {
	switch {
	case c.s.behaviour.Maintenance == MaintenanceReadOnly:
		return refuse(http.StatusServiceUnavailable, "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", "The organization is in read only mode")
	case !obj.writable:
		return refuse(http.StatusBadRequest, "INVALID_TYPE_FOR_OPERATION", fmt.Sprintf("entity type %s does not support %s", obj.name, verb))
	}
	return nil
}

// create makes one record. extra are fields that the address of the request sets, not its body:
// the external id of an upsert.
func (c *call) create(obj *object, raw, extra map[string]any) (*Record, *refusal) {
	if no := c.mayWrite(obj, "create"); no != nil {
		return nil, no
	}
	sent, no := decodeFields(obj, raw, true)
	if no != nil {
		return nil, no
	}
	maps.Copy(sent, extra)
	row := maps.Clone(sent)
	if no := c.checkWrite(obj, nil, sent, row); no != nil {
		return nil, no
	}
	if no := c.checkDuplicate(obj, row); no != nil {
		return nil, no
	}
	c.s.derive(obj, row)
	c.assign(obj, row)
	r := c.tx.insert(obj, row)
	c.tx.record(sim.OpCreate, r, sent, nil)
	return r, nil
}

// update changes one record that the caller has found.
func (c *call) update(obj *object, r *Record, raw map[string]any) *refusal {
	if no := c.mayWrite(obj, "update"); no != nil {
		return no
	}
	sent, no := decodeFields(obj, raw, false)
	if no != nil {
		return no
	}
	if r.is("IsConverted") {
		return bad("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
	}
	if no := c.stale(r); no != nil {
		return no
	}
	row := maps.Clone(r.Fields)
	for _, system := range []string{"LastModifiedDate", "LastModifiedById", "SystemModstamp"} {
		delete(row, system)
	}
	maps.Copy(row, sent)
	if no := c.checkWrite(obj, r, sent, row); no != nil {
		return no
	}
	c.s.derive(obj, row)
	c.assign(obj, row)
	was := maps.Clone(r.Fields)
	c.tx.set(r, row)
	c.tx.record(sim.OpUpdate, r, sent, was)
	return nil
}

func (c *call) remove(obj *object, r *Record) *refusal {
	if no := c.mayWrite(obj, "delete"); no != nil {
		return no
	}
	c.tx.remove(r)
	c.tx.record(sim.OpDelete, r, nil, nil)
	return nil
}

// lookup finds the record of an id in an address; forWrite tells the answers of PATCH and DELETE
// from those of GET.
func (c *call) lookup(obj *object, id string, forWrite bool) (*Record, *refusal) {
	full, isID := normaliseID(id)
	if !isID {
		return nil, refuse(http.StatusNotFound, "NOT_FOUND",
			"Provided external ID field does not exist or is not accessible: "+id)
	}
	if full[:3] != obj.prefix {
		return nil, bad("MALFORMED_ID", fmt.Sprintf("%s ID: id value of incorrect type: %s", obj.label, id), "Id")
	}
	r := c.s.tables[obj.name].byID[full]
	switch {
	case r == nil && forWrite && c.s.behaviour.UnknownIDCode != "":
		return nil, refuse(http.StatusNotFound, c.s.behaviour.UnknownIDCode, "invalid cross reference id")
	case r == nil:
		return nil, notFound()
	case r.Deleted && forWrite:
		return nil, refuse(http.StatusNotFound, "ENTITY_IS_DELETED", "entity is deleted")
	case r.Deleted:
		return nil, notFound()
	}
	return r, nil
}

func (c *call) attributes(r *Record) map[string]any {
	return map[string]any{"type": r.Object, "url": c.recordURL(r)}
}

func (c *call) recordURL(r *Record) string {
	return fmt.Sprintf("%s/sobjects/%s/%s", c.base(), r.Object, r.ID)
}
