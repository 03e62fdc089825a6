--
-- Every type, function, aggregate and operator of the extension has a comment:
-- \df+ and \do+ are the manual at hand.
--

CREATE TEMP VIEW member AS
SELECT classid, objid
FROM pg_depend
WHERE deptype = 'e'
  AND refclassid = 'pg_extension'::regclass
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector_ext');

SELECT classid::regclass, count(*) >= 3 AS there_are_some
FROM member
WHERE classid IN ('pg_type'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass)
GROUP BY 1
ORDER BY classid::regclass::text;

SELECT pg_describe_object(classid, objid, 0) AS without_comment
FROM member
WHERE classid IN ('pg_type'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass)
  AND coalesce(obj_description(objid, classid::regclass::name), '') = ''
  AND NOT EXISTS (SELECT FROM pg_type WHERE classid = 'pg_type'::regclass AND oid = objid AND typcategory = 'A')
ORDER BY 1;
