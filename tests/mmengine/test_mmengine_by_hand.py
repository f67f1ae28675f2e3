"""The drop-in classes compared with MMEngine, both stepped as by its Runner."""

import warnings

from hypothesis import given

from paramsched.mmengine.schedulers import build_param_scheduler
from support import mmengine_peer as peer


@given(peer.lists())
def test_a_list_of_schedulers_gives_the_values_of_mmengine(drawn):
    configs, kind, groups = drawn
    optimizer = peer.optimizer_of(kind, groups)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedulers = build_param_scheduler(configs, optimizer, epoch_length=peer.LENGTH, max_epochs=peer.EPOCHS)
        ours = peer.run(schedulers, optimizer)

    peer.assert_same(ours, peer.peer_values(configs, kind, groups), kind, groups)
