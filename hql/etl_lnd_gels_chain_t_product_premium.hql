-- JOB_2002 (B): premium by product and currency; row1 is what JOB_2001 landed for the biz_dt.
SELECT
  product_code,
  currency_code,
  count(*) AS contract_count,
  CAST(sum(premium_amt) AS DECIMAL(28, 2)) AS premium_amt,
  '${hivevar:biz_dt}' AS biz_dt
FROM row1
GROUP BY product_code, currency_code
