"""What a platform team watches: Prometheus rules, a Grafana dashboard, and the run that shows that
both say something on real data."""
