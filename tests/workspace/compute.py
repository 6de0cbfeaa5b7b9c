"""What notebooks are run on, by name: clusters and warehouses. Nothing is run on them really. And who one is."""

from errors import bad, missing
from message import integer


class Compute:
    def __init__(self, clock, clusters, warehouses):
        self.clock = clock
        self.clusters = clusters
        self.warehouses = warehouses

    def routes(self):
        found = {
            ("GET", "/api/2.0/sql/warehouses"): self.list_warehouses,
            ("GET", "/api/2.0/preview/scim/v2/Me"): self.me,
        }
        for version in ("2.0", "2.1"):
            found["GET", f"/api/{version}/clusters/get"] = self.get_cluster
            found["GET", f"/api/{version}/clusters/list"] = self.list_clusters
        return found

    def get_cluster(self, request):
        cluster_id = request.query.get("cluster_id")
        if not cluster_id:
            raise bad("Missing required field: cluster_id")
        if cluster_id not in self.clusters:
            raise bad(f"Cluster {cluster_id} does not exist")
        return self._cluster(cluster_id)

    def list_clusters(self, request):
        size = integer("page_size", request.query.get("page_size"), 20)
        start = integer("page_token", request.query.get("page_token"), 0)
        names = sorted(self.clusters)
        answer = {"clusters": [self._cluster(name) for name in names[start:start + size]]}
        if len(names) > start + size:
            answer["next_page_token"] = str(start + size)
        return answer

    def _cluster(self, cluster_id):
        state = self.clusters[cluster_id]
        return {
            "cluster_id": cluster_id, "cluster_name": f"cluster {cluster_id}", "state": state, "state_message": "",
            "spark_version": "15.4.x-scala2.12", "node_type_id": "i3.xlarge", "num_workers": 1, "cluster_source": "UI",
            "creator_user_name": "admin@example.com", "autotermination_minutes": 60, "start_time": 1700000000000,
        }

    def list_warehouses(self, request):
        return {"warehouses": [self._warehouse(name) for name in sorted(self.warehouses)]}

    def warehouse_route(self, method, path):
        """Returns the handler for a warehouse by its id, or None."""
        if method == "GET" and path.startswith("/api/2.0/sql/warehouses/") and path.count("/") == 5:
            return self.get_warehouse
        return None

    def get_warehouse(self, request):
        name = request.path.rsplit("/", 1)[1]
        if name not in self.warehouses:
            raise missing(f"SQL warehouse {name} does not exist.")
        return self._warehouse(name)

    @staticmethod
    def _warehouse(name):
        return {
            "id": name,
            "name": f"warehouse {name}",
            "state": "RUNNING",
            "cluster_size": "Small",
            "warehouse_type": "PRO",
            "enable_serverless_compute": True,
        }

    @staticmethod
    def me(request):
        return {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": "1234567890123456",
            "userName": request.user,
            "displayName": request.user.partition("@")[0],
            "active": True,
            "emails": [{"type": "work", "value": request.user, "primary": True}],
            "groups": [{"display": "users", "type": "direct", "value": "1", "$ref": "Groups/1"}],
        }
