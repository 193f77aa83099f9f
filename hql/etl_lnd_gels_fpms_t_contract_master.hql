-- JOB_1001: contracts of FPMS with their holders, the newest row of each contract_no.
-- row1 is contract.csv, row2 is policy_holder.csv; every column arrives as text.
WITH contract_text AS (
  -- Off with the blanks; an empty cell and two tokens all mean that there is no value.
  SELECT
    CASE WHEN trim(contract_no) NOT IN ('', 'NULL', '\\N') THEN trim(contract_no) END AS contract_no,
    CASE WHEN trim(holder_id) NOT IN ('', 'NULL', '\\N') THEN trim(holder_id) END AS holder_id,
    CASE WHEN trim(product_code) NOT IN ('', 'NULL', '\\N') THEN trim(product_code) END AS product_code,
    CASE WHEN trim(product_name) NOT IN ('', 'NULL', '\\N') THEN trim(product_name) END AS product_name,
    CASE WHEN trim(status_code) NOT IN ('', 'NULL', '\\N') THEN trim(status_code) END AS status_code,
    CASE WHEN trim(currency_code) NOT IN ('', 'NULL', '\\N') THEN trim(currency_code) END AS currency_code,
    CASE WHEN trim(sum_assured) NOT IN ('', 'NULL', '\\N') THEN trim(sum_assured) END AS sum_assured,
    CASE WHEN trim(premium) NOT IN ('', 'NULL', '\\N') THEN trim(premium) END AS premium,
    CASE WHEN trim(outstanding) NOT IN ('', 'NULL', '\\N') THEN trim(outstanding) END AS outstanding,
    CASE WHEN trim(issue_date) NOT IN ('', 'NULL', '\\N') THEN trim(issue_date) END AS issue_date,
    CASE WHEN trim(effective_date) NOT IN ('', 'NULL', '\\N') THEN trim(effective_date) END AS effective_date,
    CASE WHEN trim(expiry_date) NOT IN ('', 'NULL', '\\N') THEN trim(expiry_date) END AS expiry_date,
    CASE WHEN trim(agent_code) NOT IN ('', 'NULL', '\\N') THEN trim(agent_code) END AS agent_code,
    CASE WHEN trim(remarks) NOT IN ('', 'NULL', '\\N') THEN trim(remarks) END AS remarks,
    CASE WHEN trim(revision_no) NOT IN ('', 'NULL', '\\N') THEN trim(revision_no) END AS revision_no,
    CASE WHEN trim(update_ts) NOT IN ('', 'NULL', '\\N') THEN trim(update_ts) END AS update_ts
  FROM row1
),
holder_text AS (
  SELECT
    CASE WHEN trim(holder_id) NOT IN ('', 'NULL', '\\N') THEN trim(holder_id) END AS holder_id,
    CASE WHEN trim(full_name) NOT IN ('', 'NULL', '\\N') THEN trim(full_name) END AS full_name,
    CASE WHEN trim(birth_date) NOT IN ('', 'NULL', '\\N') THEN trim(birth_date) END AS birth_date,
    CASE WHEN trim(address) NOT IN ('', 'NULL', '\\N') THEN trim(address) END AS address,
    CASE WHEN trim(country_code) NOT IN ('', 'NULL', '\\N') THEN trim(country_code) END AS country_code,
    CASE WHEN trim(update_ts) NOT IN ('', 'NULL', '\\N') THEN trim(update_ts) END AS update_ts
  FROM row2
),
contract_typed AS (  -- Constant formats: for a computed one Spark makes a formatter for each row.
  SELECT
    contract_no,
    product_code,
    product_name,
    status_code,
    currency_code,
    CAST(sum_assured AS DECIMAL(18, 2)) AS sum_assured_amt,
    CAST(premium AS DECIMAL(18, 2)) AS premium_amt,
    CAST(outstanding AS DECIMAL(18, 2)) AS outstanding_amt,
    if(issue_date LIKE '%/%', to_date(issue_date, 'dd/MM/yyyy'), to_date(issue_date, 'yyyy-MM-dd')) AS issue_date,
    if(effective_date LIKE '%/%', to_date(effective_date, 'dd/MM/yyyy'), to_date(effective_date, 'yyyy-MM-dd')) AS effective_date,
    if(expiry_date LIKE '%/%', to_date(expiry_date, 'dd/MM/yyyy'), to_date(expiry_date, 'yyyy-MM-dd')) AS expiry_date,
    agent_code,
    remarks,
    holder_id,
    CAST(revision_no AS INT) AS revision_no,
    if(update_ts LIKE '%/%',
      to_timestamp(update_ts, 'dd/MM/yyyy HH:mm:ss'), to_timestamp(update_ts, 'yyyy-MM-dd HH:mm:ss')
    ) AS source_update_ts
  FROM contract_text
),
holder_typed AS (
  SELECT
    holder_id,
    full_name AS holder_name,
    if(birth_date LIKE '%/%', to_date(birth_date, 'dd/MM/yyyy'), to_date(birth_date, 'yyyy-MM-dd')) AS holder_birth_date,
    address AS holder_address,
    country_code AS holder_country_code,
    if(update_ts LIKE '%/%',
      to_timestamp(update_ts, 'dd/MM/yyyy HH:mm:ss'), to_timestamp(update_ts, 'yyyy-MM-dd HH:mm:ss')
    ) AS source_update_ts
  FROM holder_text
),
contract_ranked AS (
  -- The place in the file says nothing: late rows may be older. FPMS never gives one revision_no
  -- twice for different content, so equal rows are all that can be left to chance.
  SELECT *, row_number() OVER (
    PARTITION BY contract_no ORDER BY source_update_ts DESC, revision_no DESC
  ) AS age
  FROM contract_typed
),
holder_ranked AS (
  SELECT *, row_number() OVER (
    PARTITION BY holder_id ORDER BY source_update_ts DESC, holder_address, holder_name
  ) AS age
  FROM holder_typed
)
SELECT
  c.contract_no,
  c.product_code,
  c.product_name,
  c.status_code,
  c.currency_code,
  c.sum_assured_amt,
  c.premium_amt,
  c.outstanding_amt,
  c.issue_date,
  c.effective_date,
  c.expiry_date,
  c.agent_code,
  c.remarks,
  c.holder_id,
  h.holder_name,
  h.holder_birth_date,
  h.holder_address,
  h.holder_country_code,
  c.revision_no,
  c.source_update_ts,
  '${hivevar:biz_dt}' AS biz_dt
FROM contract_ranked AS c
LEFT JOIN holder_ranked AS h
  ON h.holder_id = c.holder_id AND h.age = 1
WHERE c.age = 1
