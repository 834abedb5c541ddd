"""The hint of a missing extra works as it stands, from a checkout and from an index."""

import os

from attncli import errors


def test_in_a_checkout_the_hint_names_its_folder(monkeypatch, tmp_path):
    (tmp_path / "attncli").mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(errors, "__file__", str(tmp_path / "attncli" / "errors.py"))
    assert errors.install_command("plot") == f"pip install '{tmp_path}[plot]'"
    monkeypatch.chdir(tmp_path)
    assert errors.install_command("plot") == "pip install '.[plot]'"


def test_elsewhere_the_hint_names_the_package_or_the_folder_that_it_came_from(monkeypatch, tmp_path):
    monkeypatch.setattr(errors, "__file__", str(tmp_path / "site-packages" / "attncli" / "errors.py"))
    monkeypatch.setattr(errors, "_folder_of_origin", lambda: None)
    assert errors.install_command("fast") == "pip install 'attncli[fast]'"
    monkeypatch.setattr(errors, "_folder_of_origin", lambda: os.fspath(tmp_path))
    assert errors.install_command("fast") == f"pip install '{tmp_path}[fast]'"
