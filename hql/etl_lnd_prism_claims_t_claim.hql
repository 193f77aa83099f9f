-- The claims of prism.csv that were reported on the biz_dt; row1 has every column as text.
-- Amounts keep all 14 decimals that the source writes, so that sums agree to the last digit.
SELECT
  CAST(ClaimNo AS INT) AS claim_no,
  to_date(AccidentDate, 'yyyy-MM-dd') AS accident_date,
  to_date(ReportDate, 'M/d/yyyy') AS report_date,
  Line AS line,
  Type AS type,
  CAST(ClaimLiability AS BOOLEAN) AS claim_liability,
  CAST(`Limit` AS DECIMAL(18, 2)) AS limit_amt,
  CAST(Deductible AS DECIMAL(18, 2)) AS deductible_amt,
  CAST(TotalPayment AS DECIMAL(26, 14)) AS total_payment_amt,
  to_date(PaymentDate, 'yyyy-MM-dd') AS payment_date,
  to_date(CloseDate, 'M/d/yyyy') AS close_date,
  Status AS status,
  CAST(reportedCount AS INT) AS reported_count,
  CAST(closedPaidCount AS INT) AS closed_paid_count,
  CAST(closedUnPaidCount AS INT) AS closed_unpaid_count,
  CAST(openCount AS INT) AS open_count,
  CAST(Paid AS DECIMAL(26, 14)) AS paid_amt,
  CAST(Outstanding AS DECIMAL(26, 14)) AS outstanding_amt,
  CAST(Incurred AS DECIMAL(26, 14)) AS incurred_amt,
  '${hivevar:biz_dt}' AS biz_dt
FROM row1
WHERE to_date(ReportDate, 'M/d/yyyy') = to_date('${hivevar:biz_dt}', 'yyyy-MM-dd')
