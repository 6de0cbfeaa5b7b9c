"""What a workspace answers when it does not do what it was asked for."""


class ApiError(Exception):
    """
    An error as the platform sends it: an HTTP status and a JSON body with error_code and message.

    code may be a number: some parts of the platform send the status there.
    """

    def __init__(self, status, code, message, headers=None):
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def body(self, request_id):
        return {
            "error_code": self.code,
            "message": self.message,
            "details": [{
                "@type": "type.googleapis.com/google.rpc.RequestInfo",
                "request_id": request_id,
                "serving_data": "",
            }],
        }


def bad(message):
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def malformed(message):
    return ApiError(400, "MALFORMED_REQUEST", message)


def invalid_state(message):
    return ApiError(400, "INVALID_STATE", message)


def missing(message):
    return ApiError(404, "RESOURCE_DOES_NOT_EXIST", message)


def no_run(run_id):
    """A run that is not there is a 400, not a 404."""
    return bad(f"Run {run_id} does not exist.")


def no_job(job_id):
    return bad(f"Job {job_id} does not exist.")
