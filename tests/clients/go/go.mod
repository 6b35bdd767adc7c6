module clients

go 1.24

require github.com/stripe/stripe-go/v86 v86.0.0
