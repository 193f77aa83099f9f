-- JOB_2003 (C): contracts by status; row1 is what JOB_2001 landed for the biz_dt.
SELECT
  status_code,
  count(*) AS contract_count,
  '${hivevar:biz_dt}' AS biz_dt
FROM row1
GROUP BY status_code
