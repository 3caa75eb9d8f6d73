-- The exact tiers of include/matching/tiers.py for DuckDB and PostgreSQL, each over what the tiers before left open.
-- keys: the rows in normal form. contact, point: the contacts.
create temp table t1 as
select row, min(contact_id) as contact_id, count(distinct contact_id) as found
from keys k
join point p on p.value = k.number and p.kind = 'NUMBER'
group by row;

create temp table t2 as
select row, min(contact_id) as contact_id, count(distinct contact_id) as found
from keys k
join point p on p.value = k.email and p.kind = 'EMAIL'
join contact c using (contact_id)
where k.last = c.last
  and (k.first is null or c.first is null or starts_with(k.first, c.first) or starts_with(c.first, k.first))
  and k.row not in (select row from t1)
group by row;

create temp table t3 as
select row, min(contact_id) as contact_id, count(distinct contact_id) as found
from keys k
join point p on p.value = k.email and p.kind = 'SECOND_EMAIL'
join contact c using (contact_id)
where k.last = c.last
  and (k.first is null or c.first is null or starts_with(k.first, c.first) or starts_with(c.first, k.first))
  and k.row not in (select row from t1)
  and k.row not in (select row from t2)
group by row;

create temp table t4 as
select row, min(contact_id) as contact_id, count(distinct contact_id) as found
from (
  select row, first, last, home as phone from keys
  union all
  select row, first, last, cell from keys
) k
join point p on p.value = k.phone and p.kind in ('HOME', 'CELL')
join contact c using (contact_id)
where k.last = c.last
  and k.first = c.first
  and k.row not in (select row from t1)
  and k.row not in (select row from t2)
  and k.row not in (select row from t3)
group by row;

create temp table links as
select row, 'T1' as rule, contact_id from t1 where found = 1
union all select row, 'T2', contact_id from t2 where found = 1
union all select row, 'T3', contact_id from t3 where found = 1
union all select row, 'T4', contact_id from t4 where found = 1
