"""What crosses a boundary: topics, events and their JSON Schemas. A contract only ever grows."""
