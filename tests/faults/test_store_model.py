"""The store and its moves against a small model, step by random step (R1, R2, R9, R23, R28, R38, R91, R93, R98)."""

import os

import pytest
from hypothesis import HealthCheck, seed, settings
from seeds import GIVEN, SEED
from store_model import StoreModel

if GIVEN is not None:
    seed(SEED)(StoreModel)
TestStoreModel = pytest.mark.allow_blocking("hypothesis drives the loop itself")(StoreModel.TestCase)
TestStoreModel.settings = settings(
    max_examples=int(os.environ.get("FAULT_EXAMPLES", "10")),
    stateful_step_count=30,
    deadline=None,
    derandomize=GIVEN is None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
