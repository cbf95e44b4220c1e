"""Unit tests of the recipe's parts, without photos: python -m unittest discover -s training -p test_training.py

Makes a few coloured squares where a store is needed. Seconds on a CPU; the stages themselves are `selfcheck.py`'s.
"""

import io
import json
import tarfile
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import bench_table
import captions
import checkpointing
import damage
import data
import export
import holes
import model_card
import networks
import schedule
import stage
import store
import train_unet
from losses import psnr, ssim

torch.set_num_threads(1)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def make_shard(folder, count, number=0):
    """Small photos of several sizes with captions, as a shard and an index."""
    rows = []
    with tarfile.open(folder / f"train-{number:02d}.tar", "w") as tar:
        for i in range(count):
            width, height = 96 + 8 * (i % 5), 96 + 16 * (i % 3)
            pixels = np.random.default_rng(i).integers(0, 255, (height, width, 3), dtype=np.uint8)
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "webp", lossless=True)
            member = tarfile.TarInfo(f"{number}-{i:05d}.webp")
            member.size = file.tell()
            file.seek(0)
            tar.addfile(member, file)
            rows.append({"shard": number, "name": member.name, "width": width, "height": height, "caption": f"a photo of a thing {i % 4}",
                         "captions": None, "label": f"thing {i % 4}", "source": f"someone/photos{i % 2}", "path": f"a/{i}.jpg",
                         "licence": "CC0", "attribution_url": None})
    with open(folder / "index.jsonl", "a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


class WithStore(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        root = Path(cls.folder.name)
        make_shard(root, 60)
        store.add_shards(root, root / "store")
        make_shard(root, 40, number=1)
        cls.added = store.add_shards(root, root / "store")
        cls.store = root / "store"
        cls.photos, cls.unseen = data.load(cls.store, "cpu")

    @classmethod
    def tearDownClass(cls):
        cls.photos = cls.unseen = None
        cls.folder.cleanup()


class StoreAndData(WithStore):
    def test_shards_are_added_one_by_one(self):
        self.assertEqual(self.added, 40)
        self.assertEqual(len(self.photos.rows) + len(self.unseen.rows), 100)

    def test_split_is_disjoint_and_complete(self):
        train, held = ({row["name"] for row in side.rows} for side in (self.photos, self.unseen))
        self.assertFalse(train & held)
        names = [f"{i:05d}.webp" for i in range(20000)]
        share = sum(map(data.is_held_out, names)) / len(names)
        self.assertAlmostEqual(share, data.HELD_OUT_SHARE, delta=0.006)

    def test_batches_depend_on_seed_and_step_alone(self):
        first, photos = self.photos.batch(6, 64, 1, 5)
        self.photos.batch(6, 64, 1, 6)
        again, _ = self.photos.batch(6, 64, 1, 5)
        self.assertTrue(torch.equal(first, again))
        self.assertEqual(first.shape, (6, 3, 64, 64))
        self.assertLessEqual(first.abs().max(), 1)
        self.assertFalse(torch.equal(first, self.photos.batch(6, 64, 2, 5)[0]))
        self.assertFalse(torch.equal(photos, self.photos.batch(6, 64, 1, 6)[1]))

    def test_a_whole_photo_at_its_own_size_comes_back_exactly(self):
        square = next(i for i, row in enumerate(self.photos.rows) if row["width"] == row["height"] == 112)
        offset = self.photos.table[square, 0, 0]
        stored = self.photos.bytes[offset : offset + 112 * 112 * 3].view(112, 112, 3).permute(2, 0, 1)
        cut = self.photos.centre(torch.tensor([square]), 112)[0]
        self.assertLess(((cut + 1) * 127.5 - stored).abs().max(), 1e-3)

    def test_resampling_is_that_of_image_libraries(self):
        row = self.photos.rows[0]
        offset, (_, height, width) = self.photos.table[0, 0, 0], self.photos.table[0, 0].tolist()
        image = Image.fromarray(self.photos.bytes[offset : offset + height * width * 3].view(height, width, 3).numpy())
        short = min(row["width"], row["height"])
        left, top = (width - short) / 2, (height - short) / 2
        want = image.resize((64, 64), Image.BICUBIC, box=(left, top, left + short, top + short))
        got = (self.photos.centre(torch.tensor([0]), 64)[0].permute(1, 2, 0).numpy() + 1) * 127.5
        self.assertLess(np.abs(got - np.asarray(want, dtype=float)).mean(), 0.5)

    def test_photos_too_small_for_a_crop_are_left_out(self):
        _, photos = self.photos.batch(64, 120, 1, 1)
        self.assertGreaterEqual(int(self.photos.table[photos, 0, 1:].amin(1).min()) * data.MOST_ENLARGED, 120)
        with self.assertRaises(SystemExit):
            self.photos.batch(4, 400, 1, 1)

    def test_weights_balance_labels(self):
        rows = [{"name": str(i), "source": "a", "label": "common" if i < 90 else "rare"} for i in range(100)]
        weights = data.sampling_weights(rows)
        self.assertAlmostEqual(float(weights.sum()), 1.0, places=6)
        self.assertAlmostEqual(float(weights[90] / weights[0]), 3.0, places=6)

    def test_card_thanks_every_source_of_the_training_side(self):
        text = "\n".join(model_card.attribution(self.photos.rows))
        for row in self.photos.rows:
            self.assertIn(row["source"], text)
            self.assertIn(f"`{row['path']}`", text)
        paths = {row["path"] for row in self.photos.rows}
        for row in self.unseen.rows:
            self.assertEqual(f"`{row['path']}`" in text, row["path"] in paths)


class Captions(WithStore):
    def test_dropout_has_its_rate_and_captions_are_the_photos_own(self):
        tokenizer = self.tokenizer()
        table = captions.Captions(self.photos.rows, tokenizer, "cpu")
        photos = torch.randint(len(self.photos.rows), (8000,), generator=generator(1))
        drawn = table.draw(photos, generator(2))
        empty = (drawn == table.tokens[0]).all(1).float().mean()
        self.assertAlmostEqual(float(empty), captions.DROPOUT, delta=0.015)
        kept = table.draw(photos, generator(2), dropout=0.0)
        for photo, tokens in list(zip(photos.tolist(), kept))[:200]:
            own = captions.tokenize(tokenizer, captions.variants(self.photos.rows[photo]))
            self.assertTrue((own == tokens).all(1).any())

    def test_every_text_survives_its_tokens(self):
        tokenizer = self.tokenizer()
        for text in ("a photo of a thing 3", "thing 0, photo", "naïve — ¿qué?"):
            back = tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True)
            self.assertEqual(back.replace(" ", ""), text.replace(" ", ""))

    def tokenizer(self):
        folder = Path(self.folder.name) / "tokenizer"
        if not folder.exists():
            captions.train_tokenizer([t for row in self.photos.rows for t in captions.variants(row)], folder, 700)
        return captions.load_tokenizer(folder)


class Holes(unittest.TestCase):
    def test_every_kind_is_drawn_within_bounds(self):
        for kind in holes.KINDS:
            drawn, kinds = holes.draw(16, 64, generator(3), kind)
            self.assertEqual(drawn.shape, (16, 1, 64, 64))
            self.assertEqual(set(drawn.unique().tolist()) - {0.0, 1.0}, set())
            self.assertTrue((kinds == holes.KINDS.index(kind)).all())
            share = drawn.mean((1, 2, 3))
            self.assertGreater(float(share.min()), 0, kind)
            if kind != "everything":
                self.assertLess(float(share.max()), 0.95, kind)

    def test_batches_cover_all_kinds_in_their_shares(self):
        _, kinds = holes.draw(600, 16, generator(4))
        counts = torch.bincount(kinds, minlength=len(holes.KINDS)) / 600
        for share, count in zip(holes.SHARES.values(), counts):
            self.assertAlmostEqual(float(count), share, delta=0.06)
        self.assertAlmostEqual(sum(holes.SHARES.values()), 1.0, places=6)

    def test_same_seed_same_holes(self):
        self.assertTrue(torch.equal(holes.draw(12, 32, generator(5))[0], holes.draw(12, 32, generator(5))[0]))

    def test_drawing_ahead_changes_nothing_on_resume(self):
        one = train_unet.Batches(None, None, None, {"scaling_factor": 1.0}, "cpu", ahead=3)
        first = [one.holes(4, 32, 1, step)[0] for step in range(6)]
        resumed = train_unet.Batches(None, None, None, {"scaling_factor": 1.0}, "cpu", ahead=3)
        self.assertTrue(all(torch.equal(first[step], resumed.holes(4, 32, 1, step)[0]) for step in (4, 5)))
        self.assertFalse(torch.equal(first[3], first[4]))

    def test_sizes_are_those_of_the_editor(self):
        drawn, kinds = holes.draw(400, 64, generator(6))
        share = drawn.mean((1, 2, 3))
        typical = share[kinds != holes.KINDS.index("everything")].median()
        self.assertTrue(0.03 < float(typical) < 0.3, float(typical))
        self.assertLess(float(share[kinds == holes.KINDS.index("scratches")].median()), 0.08)

    def test_latents_under_a_hole_count_fully(self):
        drawn, _ = holes.draw(16, 64, generator(7))
        self.assertTrue((holes.touched(drawn) >= holes.at_latents(drawn)).all())


class Damage(unittest.TestCase):
    def test_labels_are_where_pictures_changed(self):
        smooth = torch.zeros(24, 3, 96, 96)
        after, labels = damage.damage(smooth, generator(8))
        self.assertEqual(labels.shape, (24, len(networks.DAMAGE_KINDS), 96, 96))
        self.assertEqual(set(labels.unique().tolist()) - {0.0, 1.0}, set())
        self.assertTrue((after.abs() <= 1).all())
        for index, kind in enumerate(networks.DAMAGE_KINDS):
            self.assertGreater(float(labels[:, index].sum()), 0, kind)
        share = float(labels.amax(1).mean())
        self.assertTrue(0.005 < share < 0.4, share)
        self.assertTrue((labels.flatten(1).sum(1) == 0).any(), "some pictures must stay undamaged")


class ScheduleTests(unittest.TestCase):
    def test_numbers_are_diffusers(self):
        from diffusers import DDIMScheduler

        own = schedule.Schedule("cpu")
        theirs = DDIMScheduler(**{k: v for k, v in schedule.CONFIG.items() if not k.startswith("_")})
        self.assertLess((own.alpha**2 - theirs.alphas_cumprod).abs().max(), 1e-6)
        for count in (4, 12, 16):
            theirs.set_timesteps(count)
            self.assertEqual(theirs.timesteps.tolist(), schedule.trailing(count).tolist())
        theirs.set_timesteps(8)  # a count that divides 1000: else diffusers rounds where a step ends
        noisy, velocity = torch.randn(1, 4, 8, 8, generator=generator(1)), torch.randn(1, 4, 8, 8, generator=generator(2))
        steps = [*schedule.trailing(8), torch.tensor(-1)]
        for now, following in zip(steps, steps[1:]):
            want = theirs.step(velocity, now, noisy).prev_sample
            got = own.ddim(noisy, velocity, now[None], following[None])
            self.assertLess((want - got).abs().max(), 1e-4)

    def test_a_student_lands_where_its_target_says(self):
        own = schedule.Schedule("cpu")
        noisy, landed = torch.randn(3, 4, 8, 8, generator=generator(3)), torch.randn(3, 4, 8, 8, generator=generator(4))
        start, target = torch.tensor([999, 499, 124]), torch.tensor([874, 374, -1])
        velocity = own.velocity_between(noisy, landed, start, target)
        self.assertLess((own.ddim(noisy, velocity, start, target) - landed).abs().max(), 1e-4)

    def test_clean_undoes_velocity(self):
        own = schedule.Schedule("cpu")
        latents, noise = torch.randn(4, 4, 8, 8, generator=generator(5)), torch.randn(4, 4, 8, 8, generator=generator(6))
        timestep = torch.tensor([0, 300, 700, 999])
        noisy, velocity = own.noisy(latents, noise, timestep), own.velocity(latents, noise, timestep)
        self.assertLess((own.clean(noisy, velocity, timestep) - latents).abs().max(), 1e-5)
        self.assertTrue((own.weight(timestep, "min-snr") > 0).all())


class Checkpoints(unittest.TestCase):
    def state(self, step=3):
        module = torch.nn.Linear(7, 5)
        optimizer = torch.optim.AdamW(module.parameters(), betas=(0.9, 0.99))
        module(torch.ones(2, 7)).sum().backward()
        optimizer.step()
        return {"step": step, "config": {"a": {"b": [1, 2]}}, "modules": {"m": module.state_dict()}, "ema": {"m": module.state_dict()},
                "optimizers": {"main": optimizer.state_dict()}, "random": {"cpu": torch.get_rng_state()}}

    def test_a_write_that_breaks_off_leaves_the_old_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            checkpointing.write_whole(path, lambda p: p.write_text("old"))

            def broken(temporary):
                temporary.write_text("half")
                raise OSError("disk full")

            with self.assertRaises(OSError):
                checkpointing.write_whole(path, broken)
            self.assertEqual(path.read_text(), "old")
            self.assertEqual([p.name for p in Path(folder).iterdir()], ["file"])

    def test_a_damaged_state_gives_way_to_the_one_before(self):
        with tempfile.TemporaryDirectory() as folder:
            checkpointing.save(folder, self.state(3))
            checkpointing.save(folder, self.state(4))
            self.assertEqual(checkpointing.load(folder)["step"], 4)
            (Path(folder) / checkpointing.LAST).write_bytes(b"half")
            self.assertEqual(checkpointing.load(folder)["step"], 3)

    def test_a_full_disk_leaves_both_states(self):
        with tempfile.TemporaryDirectory() as folder:
            checkpointing.save(folder, self.state(3))
            checkpointing.save(folder, self.state(4))
            with self.assertRaises(Exception):
                checkpointing.save(folder, {"step": 5, "broken": lambda: None})
            self.assertEqual(checkpointing.load(folder)["step"], 4)
            self.assertEqual(sorted(p.name for p in Path(folder).iterdir()), [checkpointing.LAST, checkpointing.PREVIOUS])

    def test_parcels_come_back_within_16_bits_in_small_files(self):
        with tempfile.TemporaryDirectory() as folder:
            state = self.state()
            checkpointing.pack(folder, state, part_bytes=700)
            parts = list(Path(folder).glob("parcel-*.safetensors"))
            self.assertGreater(len(parts), 1)
            self.assertLess(max(p.stat().st_size for p in parts), 1500)
            back = checkpointing.load(folder)
            self.assertEqual((back["step"], back["config"]), (state["step"], state["config"]))
            want, got = state["ema"]["m"]["weight"], back["ema"]["m"]["weight"]
            self.assertLess((want - got).abs().max(), 1e-3)
            again = torch.optim.AdamW(torch.nn.Linear(7, 5).parameters())
            again.load_state_dict(back["optimizers"]["main"])
            parts[0].write_bytes(parts[0].read_bytes()[:-1] + b"\0")
            with self.assertRaises(SystemExit):
                checkpointing.load(folder)

    def test_rate_rises_stays_and_falls(self):
        rates = [stage.learning_rate(step, 1000, 1.0, 100, 0.25) for step in range(1000)]
        self.assertAlmostEqual(rates[0], 0.01)
        self.assertEqual(rates[400], 1.0)
        self.assertLess(rates[999], 0.01)
        self.assertEqual(rates.index(1.0), 99)

    def test_the_average_follows(self):
        module = torch.nn.Linear(2, 2)
        average = stage.Average({"m": module})
        for step in range(50):
            with torch.no_grad():
                module.weight.fill_(step)
            average.update(step)
        value = float(average.kept[0][0, 0])
        self.assertTrue(38 < value < 48, value)
        average.swap()
        self.assertAlmostEqual(float(module.weight.detach()[0, 0]), value, places=4)


class Budgets(unittest.TestCase):
    def test_all_that_ships_fits(self):
        vae = networks.build_vae(networks.vae_config("pocket"))
        detector = networks.build_detector(networks.DETECTOR_SIZES["pocket"])
        self.assertLessEqual(networks.weights(vae), networks.MOST_WEIGHTS["vae"])
        self.assertLessEqual(networks.weights(detector), networks.MOST_WEIGHTS["detector"])
        text = networks.build_text(networks.text_config("pocket", 2275, captions.TOKENS))
        for size in ("pocket", "wide"):
            unet = networks.build_unet(networks.unet_config(size, 64))
            total = 2 * networks.weights(vae, detector, text, unet) + 200_000  # headers, tokenizer, settings, card
            self.assertLessEqual(total, networks.EXPORT_BYTES, size)

    def test_an_oversized_autoencoder_is_refused(self):
        config = networks.vae_config("pocket") | {"decoder_block_out_channels": [96, 96, 96]}
        with self.assertRaises(SystemExit):
            networks.build_vae(config)

    def test_detector_keeps_sizes(self):
        detector = networks.build_detector(networks.DETECTOR_SIZES["nano"])
        self.assertEqual(detector(torch.zeros(1, 3, 64, 96)).shape, (1, len(networks.DAMAGE_KINDS), 64, 96))

    def test_sizes_are_counted(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "a").write_bytes(b"1234")
            self.assertEqual(export.sizes_of(Path(folder)), {"a": 4})


class Figures(unittest.TestCase):
    def test_ssim_is_that_of_scikit_image(self):
        a = torch.rand(1, 3, 48, 48, generator=generator(9)) * 2 - 1
        b = (a + 0.3 * torch.randn(a.shape, generator=generator(10))).clamp(-1, 1)
        self.assertAlmostEqual(float(ssim(a, a)), 1.0, places=5)
        self.assertGreater(float(psnr(a, a)), 100)
        try:
            from skimage.metrics import structural_similarity
        except ImportError:
            self.skipTest("scikit-image is not installed")
        want = structural_similarity(a[0].numpy(), b[0].numpy(), channel_axis=0, data_range=2.0, gaussian_weights=True, sigma=1.5,
                                     use_sample_covariance=False, win_size=11)
        self.assertAlmostEqual(float(ssim(a, b)), want, delta=0.002)

    def test_wins_are_counted_in_pairs(self):
        def row(method, gradient, seam):
            parts = {"colour": seam, "gradient": seam, "noise": seam}
            return {"photo": "a", "kind": "object", "method": method, "seconds": 1.0,
                    "scores": {"psnr": 20.0, "ssim": 0.5, "gradient": gradient, "seam": parts}}

        rows = [row("exemplar", 0.5, 2.0), row("exemplar", 0.5, 2.0), row("model", 0.4, 1.1), row("model", 0.6, 1.0)]
        self.assertEqual(bench_table.wins(rows)["exemplar"], (2, 0.5, 1.0, 0.5))
        self.assertTrue(any("model" in line for line in bench_table.medians(rows)))


if __name__ == "__main__":
    unittest.main()
