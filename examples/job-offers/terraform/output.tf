output "invoke_url" {
  value = aws_apigatewayv2_stage.job_api_gw_dev_stage.invoke_url
}

output "bucket" {
  value = aws_s3_bucket.s3_job_offer_bucket.id
}

# The same on this machine: what can be called without the name server of the real cloud.
output "local_url" {
  value = "${aws_apigatewayv2_api.job_api_gw.api_endpoint}/${aws_apigatewayv2_stage.job_api_gw_dev_stage.name}"
}
