"""Errors of settings, contracts, builds, publishing, commands: cause, remedy, example, exit code.

Lives here: the entries, by code. Does not live here: the exception (`errors.py`), errors of delivered files
(`errors_of_files.py`).
"""

from __future__ import annotations

from orchestration.error_entry import CatalogueEntry

RUNS: dict[str, CatalogueEntry] = {
    "E-ATT-001": CatalogueEntry(
        "transitions between marketing channels that no set of paths can have",
        "`cxw rebuild`, then report the build",
        "E-ATT-001 removal effects: the transitions lead nowhere. Next: cxw rebuild",
        3,
    ),
    "E-CFG-001": CatalogueEntry(
        "a name in cxw.toml or a CXW_ variable that nobody knows",
        "use the nearest valid name that the message gives",
        "E-CFG-001 cxw.toml: unknown setting reporting_curency; the nearest valid name is reporting_currency",
        2,
    ),
    "E-CFG-002": CatalogueEntry(
        "a setting with a value that it cannot take",
        "correct the value in the file and line named",
        "E-CFG-002 cxw.toml threads: must be at least 1",
        2,
    ),
    "E-CFG-003": CatalogueEntry(
        "a source that has no contract",
        "check `sources` and the folder names below landing",
        "E-CFG-003 sources: source ecomerce has no contract; nearest: ecommerce",
        2,
    ),
    "E-CFG-004": CatalogueEntry(
        "a contract with an unknown or impossible entry",
        "correct the YAML key named",
        "E-CFG-004 _crm__sources.yml crm.contacts config.meta: unknown key primarykey; nearest: primary_key",
        2,
    ),
    "E-CFG-005": CatalogueEntry(
        "the demo was started in a home with data of its own",
        "give it another home: CXW_HOME=.cxw-demo cxw demo",
        "E-CFG-005 my-company: this home has data of its own. Next: CXW_HOME=.cxw-demo cxw demo",
        2,
    ),
    "E-CHK-001": CatalogueEntry(
        "a critical check failed: nothing was published, the previous snapshot is still served",
        "correct the data and deliver it again, or correct the rule at the place named",
        "E-CHK-001 ecommerce.refunds (door): refunds_are_delivered_as_positive_numbers: 10 of 60 rows fail",
        1,
    ),
    "E-CHK-002": CatalogueEntry(
        "a delivery that its contract requires is missing, refused or held",
        "deliver it, or accept the gap",
        "E-CHK-002 _ecommerce__sources.yml: orders_2026-04-01.csv refused. The contract requires it",
        1,
    ),
    "E-CHK-003": CatalogueEntry(
        "rows of a table that are not where their count says: nothing was published, the previous snapshot is served",
        "`cxw rebuild` makes everything again from raw objects and ledger; when it stays, report it",
        "E-CHK-003 ecommerce.orders: 1190 rows accepted, but the build was made from 1189. Next: cxw rebuild",
        1,
    ),
    "E-DBT-001": CatalogueEntry(
        "the dbt project does not parse",
        "correct the file that the message names",
        "E-DBT-001 dbt_project: Compilation Error in model fct_orders",
        2,
    ),
    "E-DBT-002": CatalogueEntry(
        "dbt stopped before its models ran",
        "read dbt/logs in the home folder (DBT_LOG_LEVEL_FILE=debug tells more), then `cxw run`",
        "E-DBT-002 core: dbt stopped before its models ran. Next: read dbt/logs in the home folder",
        3,
    ),
    "E-DBT-003": CatalogueEntry(
        "a model that could not be built",
        "correct the model of the file named",
        "E-DBT-003 models/core/fct_orders.sql: the model could not be built",
        3,
    ),
    "E-DSK-001": CatalogueEntry(
        "less free space than the next build needs",
        "free some, or lower snapshots_kept; then `cxw run`",
        "E-DSK-001 .cxw: 120 MB free, the next build needs 400 MB (2.5 x the last) Next: cxw snapshots list",
        3,
    ),
    "E-DSK-002": CatalogueEntry(
        "a folder of the home that cannot be written",
        "give the service user the right to write it, then `cxw run`",
        "E-DSK-002 .cxw/build: the folder cannot be written Next: cxw run",
        3,
    ),
    "E-DSK-003": CatalogueEntry(
        "a write that failed in the middle: full disk, no inodes, quota, read-only",
        "free some space, then `cxw run`: what was half written is thrown away by it",
        "E-DSK-003 a write failed: no space, no inodes, over quota or read-only Next: cxw run",
        3,
    ),
    "E-DSK-004": CatalogueEntry(
        "a build file with bytes that are not its own",
        "`cxw run` makes it again; look at the disk",
        "E-DSK-004 models/core/fct_orders.sql: the build file is damaged; it is removed Next: cxw run",
        3,
    ),
    "E-DSK-005": CatalogueEntry(
        "another program has the build file open, so that nothing can be written to it",
        "close it there; readers open `published/current`, see docs/readers.md",
        "E-DSK-005 build: process 4711 (python3) has the build file open Next: cxw run",
        3,
    ),
    "E-EXP-001": CatalogueEntry(
        "a customer key or id that nobody published has",
        "look it up in core.customer_identities; an order or a call is explained by the customer_key of its row",
        "E-EXP-001 no published customer has that key, and no record or guest that id."
        ' Next: cxw query "from core.customer_identities"',
        2,
    ),
    "E-EXP-002": CatalogueEntry(
        "an id that records of different customers have",
        "write it with its source and table, as listed",
        "E-EXP-002 2 records of different customers have that id; write <source_system>.<source_table>.<id>",
        2,
    ),
    "E-EXP-003": CatalogueEntry(
        "an explanation asked of a snapshot that an older version published",
        "`cxw run`, which builds it again",
        "E-EXP-003 the published snapshot was made by a version that kept no links. Next: cxw run",
        2,
    ),
    "E-EXP-004": CatalogueEntry(
        "values asked for while the private build is missing or being written",
        "wait for the cycle, or `cxw rebuild`",
        "E-EXP-004 the private build is in use. Next: cxw rebuild, or once more when the cycle is over",
        3,
    ),
    "E-KEY-001": CatalogueEntry(
        "a key file of e-mail hashes that cannot be read or written; hashes are never left out silently",
        "put the file back from its backup, make a new one, or empty the setting email_hash_key_file",
        "E-KEY-001 email_hash_key_file email.key: the key file cannot be read Next: cxw identity new-key email.key",
        2,
    ),
    "E-KEY-002": CatalogueEntry(
        "a key file that others than its owner may read: with it every published hash can be guessed",
        "`chmod 600` the file; when it may have been read, make a new key",
        "E-KEY-002 email_hash_key_file email.key: others may read the key file Next: chmod 600 email.key",
        2,
    ),
    "E-KEY-003": CatalogueEntry(
        "a key file with something else in it",
        "name a file that `cxw identity new-key` made",
        "E-KEY-003 email_hash_key_file email.key: no key in it: 64 hexadecimal digits are one",
        2,
    ),
    "E-KEY-004": CatalogueEntry(
        "a new key was asked for in the place of an existing file: without the old key no older hash can be joined",
        "name another file, then the setting email_hash_key_file",
        "E-KEY-004 email.key: the file exists and is kept",
        2,
    ),
    "E-IDN-001": CatalogueEntry(
        "has_probabilistic_matching is on and the extra that it needs is not installed",
        "pip install 'cx-warehouse[identity]', or switch it off in cxw.toml",
        "E-IDN-001 cxw.toml has_probabilistic_matching: its extra is not installed. Next: pip install"
        " 'cx-warehouse[identity]'",
        2,
    ),
    "E-IDN-002": CatalogueEntry(
        "the matcher's engine failed; nothing was published, what it had scored before is put aside",
        "run again; if it says OutOfMemoryException raise memory_limit, else switch has_probabilistic_matching off",
        "E-IDN-002 probabilistic matching: the engine failed with OutOfMemoryException. Next: cxw run",
        3,
    ),
    "E-IDN-003": CatalogueEntry(
        "a command needs the records of a build, and there is no build on this machine",
        "`cxw run`, then the command again",
        "E-IDN-003 no build on this machine has the records. Next: cxw run",
        2,
    ),
    "E-PUB-001": CatalogueEntry(
        "a published table would hold a direct identifier",
        "drop the column from the model",
        "E-PUB-001 marts.mart_customer_value__customer: column email holds a direct identifier",
        1,
    ),
    "E-PUB-002": CatalogueEntry(
        "no snapshot of that id",
        "`cxw snapshots list` shows those that exist",
        "E-PUB-002 no snapshot 000007-5b1c. Next: cxw snapshots list",
        2,
    ),
    "E-PUB-003": CatalogueEntry(
        "a snapshot's files do not match its manifest",
        "`cxw run` serves the newest whole snapshot and makes this one again",
        "E-PUB-003 000007-5b1c: cxw.duckdb does not match the manifest. Next: cxw rebuild",
        3,
    ),
    "E-PUB-004": CatalogueEntry(
        "nothing is published yet",
        "`cxw run` publishes the first snapshot",
        "E-PUB-004 published: nothing is published yet. Next: cxw run",
        2,
    ),
    "E-PUB-005": CatalogueEntry(
        "deliveries changed after the build at hand began",
        "`cxw run` builds from all of them",
        "E-PUB-005 build: the build at hand is of 000007-5b1c, the deliveries make 000008-77aa. Next: cxw run",
        3,
    ),
    "E-PUB-006": CatalogueEntry(
        "code, models or suites were replaced while a run built with the old ones: parts of both would be mixed",
        "`cxw run` builds again, with what is installed now",
        "E-PUB-006 run 000007-5b1c: code, models or suites changed while this run was under way Next: cxw run",
        3,
    ),
    "E-QRY-001": CatalogueEntry(
        "a query that the published database refuses",
        "correct the SQL",
        "E-QRY-001 Catalog Error: Table with name mart_order__day does not exist!",
        2,
    ),
    "E-RUN-001": CatalogueEntry(
        "another process is writing to this home",
        "wait for the holder named, then run again",
        "E-RUN-001 writer.lock: cxw run (process 4711 on host a, since 2026-04-01 06:00:00Z) is writing to this home",
        3,
    ),
    "E-RUN-002": CatalogueEntry(
        "an option that is not a date, a range that ends before it begins, or a table that does not exist",
        "write dates as YYYY-MM-DD, tables as <source>.<table>",
        "E-RUN-002 2026-04-02 to 2026-04-01: the range ends before it begins",
        2,
    ),
    "E-RUN-003": CatalogueEntry(
        "a run that failed in an unexpected way",
        "run again; `--debug` shows where it stopped",
        "E-RUN-003 ecommerce__orders: MemoryError. Next: cxw --debug run",
        3,
    ),
    "E-RUN-004": CatalogueEntry(
        "no delivery, or more than one, of that number or sha256",
        "`cxw quarantine list` shows the numbers",
        "E-RUN-004 9f3c: more than one delivery begins with that. Next: cxw quarantine list",
        2,
    ),
    "E-SUI-001": CatalogueEntry(
        "a suite with an entry that it cannot have, or a rule on a column that the table does not have",
        "correct the rule of the file named, see expectations/README.md",
        "E-SUI-001 expectations/crm/contacts.yml most_emails_are_addresses: emial is not a column; nearest: email",
        2,
    ),
    "E-SUI-002": CatalogueEntry(
        "a rule that cannot be evaluated on its column",
        "give the rule a column of a type that it can compare",
        "E-SUI-002 contacts.yml most_emails_are_addresses: the rule cannot be evaluated",
        2,
    ),
    "E-UI-003": CatalogueEntry(
        "the web page was to listen where others can reach it, and nothing says that a login stands before it",
        "leave it on loopback, or put a proxy with a login before it and set `has_login_proxy = true`",
        "E-UI-003 0.0.0.0: who reaches the page can launch runs, and it has no login",
        2,
    ),
    "E-UI-001": CatalogueEntry(
        "the UI cannot start: its port is taken, or this home has one already",
        "choose another --port, or end the one named",
        "E-UI-001 3000: the port is taken. Next: cxw ui --port 3001",
        2,
    ),
    "E-UI-002": CatalogueEntry(
        "the UI's processes do not start",
        "read the log named",
        "E-UI-002 logs/code-server.log: the code server did not start",
        3,
    ),
}
