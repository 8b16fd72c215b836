"""The columns of a file of components, as docs/components.md explains them: the same for CSV and GeoJSON lines."""

from typing import Any

import orjson

from services.intake.domain.component import BadComponentFile
from shared.imports.reading import Format

REQUIRED = ("code", "lon", "lat")
COLUMNS = (
    "code", "lon", "lat", "datum", "name", "state", "area", "authority", "authority_name", "owner", "owner_name",
    "maintainer", "maintainer_name", "surveyed_on", "changed_on", "data_source", "note", "former_code", "successor",
    "attributes",
)  # fmt: skip
# A column of the city's own: `attributes.material`.
OWN = "attributes."

# The names and short names of table 2 of GB/T 47678.5-2026, and those of surveys before it. Street and community follow
# from the grid: their columns are passed over.
_STANDARD = {
    "code": ("GLBJBSM", "管理部件标识码", "部件标识码"),
    "name": ("GLBJMC", "管理部件名称", "部件名称"),
    "authority": ("ZGBMDM", "主管部门代码"),
    "authority_name": ("ZGBMMC", "主管部门名称"),
    "owner": ("QSDWDM", "权属单位代码"),
    "owner_name": ("QSDWMC", "权属单位名称"),
    "maintainer": ("YHDWDM", "养护单位代码"),
    "maintainer_name": ("YHDWMC", "养护单位名称"),
    "area": ("SZDYWGBSM", "所在单元网格标识码", "所在单元网格"),
    "state": ("GLBJZT", "管理部件状态", "部件状态"),
    "surveyed_on": ("CSRQ", "初始日期"),
    "changed_on": ("BGRQ", "变更日期"),
    "data_source": ("SJLY", "数据来源"),
    "note": ("BZ", "备注"),
    "": ("SZJDDM", "SZJDMC", "SZSQDM", "SZSQMC", "所在街道（镇、乡）代码", "所在街道（镇、乡）名称",
         "所在社区（村）代码", "所在社区（村）名称"),
    "lon": ("经度",),
    "lat": ("纬度",),
    "datum": ("坐标系",),
    "former_code": ("原标识码",),
}  # fmt: skip
ALIASES = {alias: column for column, names in _STANDARD.items() for alias in names}


def flat(found: object) -> object:
    """A GeoJSON Feature with a Point as a row; an object that is none is left as it is. Raises ValueError."""
    if not isinstance(found, dict):
        return found
    row: Any = found
    if found.get("type") == "Feature":
        row = found.get("properties")
        if not isinstance(row, dict):
            raise ValueError("the feature has no properties")
        geometry = found.get("geometry")
        point = geometry.get("coordinates") if isinstance(geometry, dict) and geometry.get("type") == "Point" else None
        if not isinstance(point, list) or len(point) < 2:
            raise ValueError("the feature's geometry must be a Point with longitude and latitude")
        row = {**row, "lon": point[0], "lat": point[1]}
    if isinstance(own := row.get("attributes"), dict):
        row = {**row, "attributes": orjson.dumps(own).decode()}
    return row


FORMAT = Format(COLUMNS, REQUIRED, BadComponentFile, "wangge components template", ALIASES, OWN, flat)
