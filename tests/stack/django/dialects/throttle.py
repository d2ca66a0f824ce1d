from django.views import View
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle


class ExampleAddresses(ScopedRateThrottle):
    """Only callers at 192.0.2.0/24 are throttled: all other tests log in as often as they like."""

    def allow_request(self, request: Request, view: View) -> bool:
        return not self.get_ident(request).startswith("192.0.2.") or super().allow_request(
            request, view
        )
