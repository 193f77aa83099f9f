-- The rows of execution_log that started on the biz_dt in UTC, oldest first; row1 is the table.
SELECT *
FROM row1
WHERE start_time >= TIMESTAMP '${hivevar:biz_dt} 00:00:00 UTC'
  -- Hours, since a day of the session's time zone may have 23 of them.
  AND start_time < TIMESTAMP '${hivevar:biz_dt} 00:00:00 UTC' + INTERVAL '24' HOUR
  -- Asked once, whether the table has rows of that day or not.
  AND (
    SELECT count(assert_true(
      current_timestamp() >= TIMESTAMP '${hivevar:biz_dt} 00:00:00 UTC' + INTERVAL '24' HOUR,
      '${hivevar:biz_dt} has not ended in UTC: land its runs when it has'
    ))
    FROM VALUES (1)
  ) = 0
ORDER BY start_time, id
