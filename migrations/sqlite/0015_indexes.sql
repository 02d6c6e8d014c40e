-- What every beat of the service asks for, found without reading ten years.

CREATE INDEX reasons_by_occurrence ON reasons (occurrence);
