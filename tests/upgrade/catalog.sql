-- All that the catalogs say about the extension and its members, a property a line. Equal in any two databases whose
-- extensions are equal: what an OID stands for is said by name.
with members as (
    select classid, objid, type, identity
    from pg_depend, pg_identify_object(classid, objid, 0)
    where refclassid = 'pg_extension'::regclass and deptype = 'e'
      and refobjid = (select oid from pg_extension where extname = 'plproxy')
    union all
    select e.tableoid, e.oid, 'extension', extname from pg_extension e where extname = 'plproxy'
), catalog_rows (classid, objid, properties) as (
    -- The tree of the defaults holds positions in the script that they were read from.
    select tableoid, oid, to_jsonb(p) - 'pronamespace' || jsonb_build_object('proargdefaults', pg_get_expr(proargdefaults, 0))
    from pg_proc p
    union all
    select tableoid, oid, to_jsonb(l) || jsonb_build_object('lanplcallfoid', lanplcallfoid::regprocedure,
                                                            'lanvalidator', lanvalidator::regprocedure)
    from pg_language l
    union all
    select tableoid, oid, to_jsonb(w) || jsonb_build_object('fdwvalidator', fdwvalidator::regprocedure)
    from pg_foreign_data_wrapper w
    union all
    select tableoid, oid, jsonb_build_object('definition', pg_get_viewdef(oid), 'acl', relacl)
    from pg_class where relkind = 'v'
    union all
    select tableoid, oid, to_jsonb(e) || jsonb_build_object('extnamespace', extnamespace::regnamespace)
    from pg_extension e
)
select format('%s %s: %s', type, identity, property)
from members m
cross join lateral (
    select format('%s = %s', key, value)
    from catalog_rows r, jsonb_each(properties - 'oid')
    where (r.classid, r.objid) = (m.classid, m.objid)
    union all
    select 'comment = ' || obj_description(objid, classid::regclass::name)
    union all
    select format('depends (%s) on %s', deptype, pg_describe_object(refclassid, refobjid, refobjsubid))
    from pg_depend d
    where (d.classid, d.objid) = (m.classid, m.objid)
    union all
    select format('initially %s', initprivs)
    from pg_init_privs i
    where (i.classoid, i.objoid) = (m.classid, m.objid)
) as said (property)
where property is not null
order by type collate "C", identity collate "C", property collate "C";
