"""Sources that are asked for their rows: what `cdp check` says of declarations that can't work."""

import pytest

from cdp_model import ModelError
from tests.small_company import SmallCompany

CRM = """
    name: crm
    description: CRM
    api:
      base_url: https://api.example.com
      auth: {type: bearer, token_env: CRM_TOKEN}
      paginator: {type: cursor, cursor_path: next, cursor_param: after}
    database:
      url: postgresql://reader@db.example.com/crm
    streams:
      contacts:
        description: A contact
        endpoint:
          path: contacts
          incremental: {cursor_path: updated_at, initial_value: 1}
        columns: {id: , updated_at: }
"""


def test_pulled_streams_have_their_files_where_the_pull_puts_them(company: SmallCompany) -> None:
    company.declare("sources/crm.yaml", CRM)
    assert company.model.sources["crm"].streams["contacts"].files == "pulled/crm/contacts/{date}.*.ndjson.gz"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("token_env", "tokn_env", "6: api.auth.tokn_env: unknown key `tokn_env`; did you mean `token_env`?"),
        ("CRM_TOKEN", "abc-123", "6: api.auth.token_env: the name of an environment variable: capital letters"),
        ("cursor_param", "cursor_parm", "7: api.paginator.cursor_parm: unknown key `cursor_parm`; did you mean"),
        (", cursor_param: after", "", "7: api.paginator: the cursor is sent back as either"),
        (
            "path: contacts",
            "pth: contacts",
            "14: streams.contacts.endpoint.pth: unknown key `pth`; did you mean `path`?",
        ),
        ("initial_value: 1", "initial_value: 1, lag: 1 hour", "15: streams.contacts.endpoint.incremental.lag: needs a"),
        ("reader@", "reader:hunter2@", "9: database.url: has a password: put it into an environment variable"),
        ("api:", "ap:", "4: ap: unknown key `ap`; did you mean `api`?"),
        (
            "endpoint:",
            "table: {name: x}\n    endpoint:",
            "13: streams.contacts.table: the stream has `endpoint` already",
        ),
        ("endpoint:", "format: csv\n    endpoint:", "13: streams.contacts.format: rows of an API or a database"),
        ("endpoint:", "files: x.csv\n    endpoint:", "13: streams.contacts.files: a stream with `endpoint` has no"),
        ("database:", "schema: freez\ndatabase:", "8: schema: must be 'evolve' or 'freeze'"),
    ],
)
def test_a_mistake_in_a_pull_is_found_at_its_line(company: SmallCompany, old: str, new: str, problem: str) -> None:
    company.declare("sources/crm.yaml", CRM)
    path = company.folder / "sources/crm.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ModelError) as refused:
        _ = company.model
    told = [str(found) for found in refused.value.problems]
    assert any(found.startswith(f"sources/crm.yaml:{problem}") for found in told), told


def test_a_stream_without_an_api_to_ask_is_refused(company: SmallCompany) -> None:
    company.declare("sources/crm.yaml", CRM)
    company.amend("sources/crm.yaml", "api:\n  base_url: https://api.example.com\n", "")
    company.amend("sources/crm.yaml", "  auth: {type: bearer, token_env: CRM_TOKEN}\n", "")
    company.amend("sources/crm.yaml", "  paginator: {type: cursor, cursor_path: next, cursor_param: after}\n", "")
    with pytest.raises(ModelError, match="endpoint: the source has no `api` to ask"):
        _ = company.model
