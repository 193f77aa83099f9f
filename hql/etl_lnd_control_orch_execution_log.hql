-- The rows of execution_log that started on the biz_dt in UTC, oldest first; row1 is the table.
SELECT *
FROM row1
WHERE start_time >= TIMESTAMP '${hivevar:biz_dt} 00:00:00 UTC'
  -- Hours, since a day of the session's time zone may have 23 of them.
  AND start_time < TIMESTAMP '${hivevar:biz_dt} 00:00:00 UTC' + INTERVAL '24' HOUR
  AND assert_true(
    current_timestamp() >= TIMESTAMP '${hivevar:biz_dt} 00:00:00 UTC' + INTERVAL '24' HOUR,
    '${hivevar:biz_dt} has not ended in UTC: land its runs when it has'
  ) IS NULL
ORDER BY start_time, id
