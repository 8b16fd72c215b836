"""The posts that are evaluated 岗位评价, by the name their facts carry."""

POSTS: dict[str, str] = {
    "acceptor": "受理员 acceptor",
    "shift_leader": "值班长 shift leader",
    "dispatcher": "派遣员 dispatcher",
    "command_leader": "指挥长 command leader",
    "supervisor": "监督员 supervisor",
    "grid_worker": "网格员 grid worker",
    "grid_leader": "网格长 grid leader",
    "unit_clerk": "处置单位 handling unit",
}
