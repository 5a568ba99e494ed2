variable "packages" {
  description = "The folder with the functions' zip files, made by package.sh"
  default     = "../target"
}

locals {
  runtimes = {
    timer        = "nodejs22.x"
    cron         = "nodejs22.x"
    storage      = "nodejs22.x"
    notification = "nodejs22.x"
    output       = "nodejs16.x" # the last one with version 2 of the SDK
  }
}

# The functions, each with a role of its own that may write its logs.

resource "aws_iam_role" "function" {
  for_each = local.runtimes
  name     = "${each.key}_lambda_role"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.runtimes
  name     = "/aws/lambda/${each.key}"
}

resource "aws_iam_policy" "logging" {
  for_each    = local.runtimes
  name        = "${each.key}_lambda_logging"
  path        = "/"
  description = "Writing the logs of ${each.key}"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.function[each.key].arn}:*"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "logging" {
  for_each   = local.runtimes
  role       = aws_iam_role.function[each.key].name
  policy_arn = aws_iam_policy.logging[each.key].arn
}

resource "aws_lambda_function" "function" {
  for_each         = local.runtimes
  function_name    = each.key
  role             = aws_iam_role.function[each.key].arn
  runtime          = each.value
  handler          = "index.handler"
  filename         = "${var.packages}/${each.key}.zip"
  source_code_hash = filebase64sha256("${var.packages}/${each.key}.zip")
  timeout          = 30

  environment {
    variables = each.key == "output" ? { QUEUE_URL = aws_sqs_queue.notification.url } : { NONE = "" }
  }

  depends_on = [aws_iam_role_policy_attachment.logging]
}

# Timers.

locals {
  schedules = {
    timer = "rate(5 minutes)"
    cron  = "cron(16 * ? * MON-FRI *)"
  }
}

resource "aws_cloudwatch_event_rule" "schedule" {
  for_each            = local.schedules
  name                = "${each.key}_event_rule"
  description         = "Starts ${each.key}"
  schedule_expression = each.value
}

resource "aws_cloudwatch_event_target" "schedule" {
  for_each  = local.schedules
  target_id = "${each.key}_event_target"
  rule      = aws_cloudwatch_event_rule.schedule[each.key].name
  arn       = aws_lambda_function.function[each.key].arn
}

resource "aws_lambda_permission" "schedule" {
  for_each      = local.schedules
  statement_id  = "AllowExecutionFromCloudWatch"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function[each.key].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule[each.key].arn
}

# Objects.

resource "aws_s3_bucket" "storage" {
  bucket_prefix = "storage-bucket"
  force_destroy = true
}

resource "aws_lambda_permission" "storage" {
  statement_id  = "AllowExecutionFromS3Bucket"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function["storage"].arn
  principal     = "s3.amazonaws.com"
  source_arn    = aws_s3_bucket.storage.arn
}

resource "aws_s3_bucket_notification" "storage" {
  bucket = aws_s3_bucket.storage.id

  lambda_function {
    lambda_function_arn = aws_lambda_function.function["storage"].arn
    events              = ["s3:ObjectCreated:*"]
  }

  depends_on = [aws_lambda_permission.storage]
}

# Messages.

resource "aws_sqs_queue" "notification" {
  name = "notification-queue"
}

resource "aws_lambda_event_source_mapping" "notification" {
  batch_size       = 10
  event_source_arn = aws_sqs_queue.notification.arn
  enabled          = true
  function_name    = aws_lambda_function.function["notification"].arn

  depends_on = [aws_iam_role_policy_attachment.receive]
}

resource "aws_iam_policy" "receive" {
  name        = "notification_lambda_sqs"
  description = "Receiving messages"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      Resource = aws_sqs_queue.notification.arn
    }]
  })
}

resource "aws_iam_role_policy_attachment" "receive" {
  role       = aws_iam_role.function["notification"].name
  policy_arn = aws_iam_policy.receive.arn
}

resource "aws_iam_policy" "send" {
  name        = "output_lambda_sqs"
  description = "Sending messages"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = aws_sqs_queue.notification.arn }]
  })
}

resource "aws_iam_role_policy_attachment" "send" {
  role       = aws_iam_role.function["output"].name
  policy_arn = aws_iam_policy.send.arn
}

output "bucket" {
  value = aws_s3_bucket.storage.id
}
