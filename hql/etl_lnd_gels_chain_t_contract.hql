-- JOB_2001 (A): the newest row of each contract, as far as its children need it.
WITH typed AS (
  SELECT
    trim(contract_no) AS contract_no,
    trim(product_code) AS product_code,
    trim(status_code) AS status_code,
    trim(currency_code) AS currency_code,
    CAST(trim(premium) AS DECIMAL(18, 2)) AS premium_amt,
    CAST(trim(revision_no) AS INT) AS revision_no,
    if(update_ts LIKE '%/%',
      to_timestamp(trim(update_ts), 'dd/MM/yyyy HH:mm:ss'), to_timestamp(trim(update_ts), 'yyyy-MM-dd HH:mm:ss')
    ) AS source_update_ts
  FROM row1
),
ranked AS (
  SELECT *, row_number() OVER (
    PARTITION BY contract_no ORDER BY source_update_ts DESC, revision_no DESC
  ) AS age
  FROM typed
)
SELECT
  contract_no,
  product_code,
  status_code,
  currency_code,
  premium_amt,
  '${hivevar:biz_dt}' AS biz_dt
FROM ranked
WHERE age = 1
