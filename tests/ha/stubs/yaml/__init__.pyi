from typing import Any, ClassVar

class Mark:
    line: int

class YAMLError(Exception): ...

class MarkedYAMLError(YAMLError):
    problem_mark: Mark | None

class MappingNode: ...

class SafeLoader:
    yaml_implicit_resolvers: ClassVar[dict[str, Any]]
    def flatten_mapping(self, node: MappingNode) -> None: ...

def load(stream: str, Loader: type[SafeLoader]) -> Any: ...  # noqa: N803
