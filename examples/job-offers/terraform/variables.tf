variable "suffix" {
  description = "What makes the bucket's name your own"
  default     = "example"
}

variable "packages" {
  description = "The folder with the functions' zip files, made by package.sh"
  default     = "../target"
}

variable "memory_size" {
  description = "MB of the producer"
  default     = 512
}
